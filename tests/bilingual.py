"""A catalogue in two languages, of our own sentences: six subjects, each with items that say different things in English and in Chinese."""

ITEMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cooking": (
        ("How to knead bread dough and bake a crisp loaf", "Simple soups for cold evenings", "Knives, pans and pots for a small kitchen"),
        ("家常红烧肉的做法", "怎样包好一只饺子", "厨房新手的二十道快手菜"),
    ),
    "space": (
        ("The life and death of stars", "Building a telescope to see the rings of Saturn", "What astronauts do on a space station"),
        ("人类第一次登上月球的故事", "黑洞是怎样形成的", "火星探测器传回的照片"),
    ),
    "war": (
        ("Letters of a soldier from the trenches", "The siege of a city and its last defenders", "Generals and the battles they lost"),
        ("一支军队渡江的战役", "老兵回忆战场上的日子", "坦克与士兵：一场大战的始末"),
    ),
    "football": (
        ("How a village team won the cup final", "Tactics of defenders and goalkeepers", "The greatest goals of the season"),
        ("世界杯决赛的点球大战", "守门员训练方法", "一名足球前锋的成长"),
    ),
    "gardening": (
        ("Pruning roses and fruit trees in spring", "A vegetable patch on the balcony", "Compost, soil and the friends of the gardener"),
        ("阳台上怎样种好番茄", "兰花的浇水与施肥", "春天修剪果树的方法"),
    ),
    "money": (
        ("Saving for old age with shares and bonds", "How banks decide who gets a loan", "Understanding inflation and interest rates"),
        ("普通家庭如何理财", "股票和基金的入门知识", "银行利率为什么会变"),
    ),
}
"""Items of each subject in English and in Chinese; none is a translation of another."""

PROFILES: dict[str, tuple[str, str]] = {
    "cooking": ("I love to cook and try new recipes", "我喜欢做饭，爱研究新菜谱"),
    "space": ("Astronomy fascinates me: planets and galaxies", "我对天文学着迷，喜欢行星和星系"),
    "war": ("I read military history", "我爱看军事历史"),
    "football": ("I watch every football match", "我每场足球比赛都看"),
    "gardening": ("I grow flowers and vegetables", "我喜欢种花种菜"),
    "money": ("I want to invest my savings well", "我想把积蓄投资好"),
}
"""What somebody who wants that subject says of themselves, in English and in Chinese."""
LANGUAGES = ("english", "chinese")
