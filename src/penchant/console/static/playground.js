"use strict";

/* The playground: the form is the request, the list is the answer. */

const page = {
  facts: null,
  answer: null,
  latency: 0,
  before: [],        // item ids of the list before the last event
  picked: [],        // [{item_id, title}] of an anonymous visit
  said: [],          // [{event, title}] sent in this visit
  notice: null,      // the word and values last announced
  asked: 0,          // requests sent; only the newest one's answer is shown
  guest: "guest-" + random(3),
};

/* ---- talking to the server ---- */

async function recommend() {
  /* ---- beginning ---- */

function forget() {
  Object.assign(page, { before: [], notice: null });
}

function listen() {
  let timer;
  find("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    forget();
    if (document.activeElement === find("pick") && find("pick").value.trim()) pick(find("pick").value.trim());
    else recommend();
  });
  find("ask").addEventListener("input", (event) => {
    if (event.target === find("pick")) return;
    showWho();
    forget();
    clearTimeout(timer);
    timer = setTimeout(() => find("ask").checkValidity() && recommend(), 200);
  });
  document.addEventListener("language", () => {
    showPicked();
    show();
  });
}

async function begin() {
  try {
    page.facts = await call("/console/facts");
  } catch (error) {
    return complain(error.message);
  }
  build();
  showWho();
  listen();
  await recommend();
}

begin();
