"""The words everyone shares: recipe, expression, event, errors."""
