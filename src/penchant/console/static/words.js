"use strict";

/* What the pages say, in each language. `{0}` stands for a value. */
const WORDS = {
  en: {
    skip: "To the list", theme: "Theme", leave: "Log out", who: "For whom", known: "Known", new: "New", anonymous: "Anonymous",
    user: "User id", profile: "Profile", pick: "Looked at in this visit", pick_hint: "Title or item id, then Enter", scenario: "Scenario",
    context: "Context", n: "Items", exclude: "Leave out what was seen", explain: "Say why", recommend: "Recommend", any: "not said",
    visit: "Said in this visit", login_about: "Open the login link the server printed when it started, or show a key.",
    login_refused: "That key does not open this door.", key: "Key", enter: "Enter", model: "model {0}", users: "{0} users", items: "{0} items",
    events: "{0} events", request: "request {0}", took: "{0} ms", degraded: "degraded", fallback: "fallback: {0}", nothing: "Nothing to recommend here.",
    stored: "“{0}” is stored; the list already knows.", visited: "The list now knows of this visit.", score: "score", fresh: "new", up: "up {0}",
    down: "down {0}", remove: "Remove {0}", say: "{0}: {1}", problem: "The server said: {0}", unreachable: "The server does not answer.",
    bars: "Bars compare within this list.", again: "Log in again.",
  },
  zh: {
    skip: "跳到列表", theme: "主题", leave: "退出", who: "为谁推荐", known: "老用户", new: "新用户", anonymous: "匿名访客",
    user: "用户编号", profile: "资料", pick: "本次浏览过", pick_hint: "输入标题或编号,按回车", scenario: "场景",
    context: "情境", n: "条数", exclude: "不再推荐看过的", explain: "说明理由", recommend: "推荐", any: "不指定",
    visit: "本次反馈", login_about: "请打开服务器启动时给出的登录链接,或输入密钥。",
    login_refused: "密钥不正确。", key: "密钥", enter: "进入", model: "模型 {0}", users: "{0} 位用户", items: "{0} 件物品",
    events: "{0} 条事件", request: "请求 {0}", took: "{0} 毫秒", degraded: "已降级", fallback: "后备:{0}", nothing: "这里没有可推荐的内容。",
    stored: "“{0}”已保存,列表已随之更新。", visited: "列表已了解本次浏览。", score: "得分", fresh: "新", up: "升 {0}",
    down: "降 {0}", remove: "移除 {0}", say: "{0}:{1}", problem: "服务器回答:{0}", unreachable: "服务器没有回应。",
    bars: "条形仅在本列表内比较。", again: "请重新登录。",
  },
};

const Language = {
  current: localStorage.getItem("language") || (navigator.language.startsWith("zh") ? "zh" : "en"),

  say(word, ...values) {
    return values.reduce((text, value, place) => text.replace(`{${place}}`, value), WORDS[this.current][word]);
  },

  use(language) {
    this.current = language;
    localStorage.setItem("language", language);
    document.documentElement.lang = language;
    for (const element of document.querySelectorAll("[data-word]")) element.textContent = this.say(element.dataset.word);
    for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = this.say(element.dataset.hint);
  },
};

const Theme = {
  use(theme) {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  },

  turn() {
    const dark = getComputedStyle(document.documentElement).getPropertyValue("--is-dark").trim() === "1";
    this.use(dark ? "light" : "dark");
  },
};

if (localStorage.getItem("theme")) Theme.use(localStorage.getItem("theme"));
Language.use(Language.current);
