"use strict";

/* Live events: the newest that were stored, as they come. Ids are shown as they are, to people who are logged in. */

const MOST = 200;
const page = { events: [], newest: 0, stored: 0, paused: false, lost: false };

async function look() {
  if (page.paused) return;
  try {
    const { events, stored } = await call(`/console/feed?after=${page.newest}`);
    if (stored < page.newest) Object.assign(page, { events: [], newest: 0 }); // another server answers now
    else if (events.length) {
      for (const event of events) event.fresh = page.newest > 0;
      for (const event of page.events) event.fresh = false;
      page.newest = events[0].number;
      page.events = [...events, ...page.events].slice(0, MOST);
    }
    if (page.lost) complain(null);
    const changed = stored !== page.stored || events.length > 0 || page.lost || stored === 0;
    Object.assign(page, { stored, lost: false });
    if (changed) show();
  } catch (error) {
    page.lost = true;
    complain(error.message);
  }
}

function show() {
  const wanted = find("only").value.trim().toLowerCase();
  const shown = page.events.filter((event) => !wanted || words(event).some((word) => word.toLowerCase().includes(wanted)));
  find("events").replaceChildren(...shown.map(row));
  find("table").hidden = !shown.length;
  find("none").hidden = shown.length > 0;
  find("none").textContent = say(page.events.length ? "none_match" : "no_events");
  find("stored").hidden = false;
  find("stored").textContent = say("stored_count", whole(page.stored));
}

const words = ({ user_id, item_id, event, scenario }) => [user_id, item_id, event, scenario || ""];

function row({ timestamp, user_id, item_id, event, value, scenario, context, fresh }) {
  const where = [scenario, ...Object.entries(context || {}).map(([name, told]) => `${name} ${told}`)].filter(Boolean).join(" · ");
  const cells = [clock(timestamp), user_id, event, item_id, value === null ? "" : number(value), where];
  return element("tr", { className: fresh ? "fresh" : "" }, ...cells.map((text, place) => element("td", { text, className: ["small", "id", "", "id", "amount", "small"][place] })));
}

function showPause() {
  find("pause").dataset.word = page.paused ? "resume" : "pause";
  find("pause").textContent = say(find("pause").dataset.word);
  find("pause").setAttribute("aria-pressed", String(page.paused));
}

find("pause").addEventListener("click", () => {
  page.paused = !page.paused;
  showPause();
});
find("only").addEventListener("input", show);
document.addEventListener("language", show);
repeatedly(look, 1000);
