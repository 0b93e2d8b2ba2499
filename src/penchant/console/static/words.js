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
    pages: "Pages", tools: "Settings", skip_content: "To the content", page_playground: "Playground", page_models: "Models",
    page_events: "Events", page_health: "Health", cancel: "Cancel", promote: "Promote", promote_model: "Promote model {0}",
    rollback_to: "Roll back to {0}", sure_promote: "Let model {0} answer?",
    sure_promote_more: "It is loaded beside model {0} and tried on recent requests first. If it is no good, model {0} goes on.",
    sure_rollback: "Go back to model {0}?", sure_rollback_more: "Model {0} answers from then on; requests under way end on model {1}.",
    rollback: "Roll back", state_serving: "answers", state_warm: "kept warm", state_stored: "stored", state_refused: "cannot be served",
    created: "made {0}", by_code: "by Penchant {0}", no_metrics: "No metrics were kept with it.", against: "{0} against the one that answers",
    changes: "Who changed what", no_changes: "Nothing has changed yet.", change_promote: "{0}: {1} to model {2}", change_rollback: "{0}: back from {1} to model {2}",
    change_refused: "{0}: model {2} was refused ({3}), {1} stays", change_by: "by {0}", nothing_before: "nothing", model_n: "model {0}",
    doing_promote: "Promoting model {0}", doing_rollback: "Going back to model {0}", doing_follow: "Following the alias to model {0}",
    done_promote: "Model {0} answers", done_rollback: "Model {0} answers again", done_follow: "Model {0} answers", refused: "Model {0} was refused",
    step_verify: "verify", step_load: "load", step_catch_up: "catch up", step_warm_up: "warm up", step_canary: "canary", step_alias: "alias",
    step_switch: "switch", seconds: "{0} s", canary: "{0} requests tried, {1} of them asked by users", canary_p99: "99 of 100 within {0} ms",
    canary_overlap: "{0} of the items listed before", pause: "Pause", resume: "Go on", only: "Only those with",
    only_hint: "Part of a user, item, event or scenario", at: "Time", did: "Event", item: "Item id", value: "Value", where: "Where",
    stored_count: "{0} since the start", no_events: "No event has come since the server started.", none_match: "None of the newest has this.",
    latency: "Latency", latency_more: "milliseconds, last minute", p50: "half within", p95: "95 % within", p99: "99 % within", answered: "Requests",
    answered_more: "in the last minute", degraded_count: "Degraded", memory: "Memory", memory_more: "megabytes, {0} threads", running: "Running for",
    days: "{0} d", hours: "{0} h", minutes: "{0} min", events_stored: "Events", events_more: "since the start", parts: "Parts",
    less: "Answered with less than was asked", no_fallbacks: "Nobody in the last minute.", is_ready: "ready", is_starting: "starting", is_failed: "failed",
    part_state: "Engine and state", part_behind: "Stored and not taken in", part_words: "Reader of words and pictures", part_model: "Model",
    words_up: "up", words_starting: "starting", words_down: "down", gone: "does not answer",
    effect: "Effects on", final_score: "the score of the list", causes: "What moved the score: {0}", source: "proposed by {0}", rule: "moved by {0}",
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
    pages: "页面", tools: "设置", skip_content: "跳到内容", page_playground: "试用", page_models: "模型",
    page_events: "事件", page_health: "健康", cancel: "取消", promote: "上线", promote_model: "上线模型 {0}",
    rollback_to: "回退到 {0}", sure_promote: "让模型 {0} 上线?",
    sure_promote_more: "它会先在模型 {0} 旁加载,并用近期请求试跑;如不合格,模型 {0} 继续服务。",
    sure_rollback: "回退到模型 {0}?", sure_rollback_more: "此后由模型 {0} 回答;进行中的请求仍由模型 {1} 完成。",
    rollback: "回退", state_serving: "服务中", state_warm: "热备", state_stored: "已保存", state_refused: "无法使用",
    created: "创建于 {0}", by_code: "Penchant {0}", no_metrics: "没有保存指标。", against: "与服务中的相比 {0}",
    changes: "变更记录", no_changes: "尚无变更。", change_promote: "{0}:由 {1} 换到模型 {2}", change_rollback: "{0}:由 {1} 回退到模型 {2}",
    change_refused: "{0}:模型 {2} 被拒绝({3}),保持 {1}", change_by: "操作者:{0}", nothing_before: "无", model_n: "模型 {0}",
    doing_promote: "正在上线模型 {0}", doing_rollback: "正在回退到模型 {0}", doing_follow: "别名已改,正在切换到模型 {0}",
    done_promote: "模型 {0} 已上线", done_rollback: "已回退到模型 {0}", done_follow: "模型 {0} 已上线", refused: "模型 {0} 被拒绝",
    step_verify: "校验", step_load: "加载", step_catch_up: "追赶", step_warm_up: "预热", step_canary: "试跑", step_alias: "别名",
    step_switch: "切换", seconds: "{0} 秒", canary: "试跑 {0} 个请求,其中 {1} 个来自用户", canary_p99: "99% 在 {0} 毫秒内",
    canary_overlap: "与之前列表重合 {0}", pause: "暂停", resume: "继续", only: "只看包含",
    only_hint: "用户、物品、事件或场景的一部分", at: "时间", did: "事件", item: "物品编号", value: "数值", where: "场景",
    stored_count: "启动以来 {0} 条", no_events: "服务器启动以来还没有事件。", none_match: "最新的事件中没有匹配的。",
    latency: "延迟", latency_more: "毫秒,最近一分钟", p50: "50% 在", p95: "95% 在", p99: "99% 在", answered: "请求",
    answered_more: "最近一分钟", degraded_count: "降级", memory: "内存", memory_more: "兆字节,{0} 个线程", running: "已运行",
    days: "{0} 天", hours: "{0} 小时", minutes: "{0} 分钟", events_stored: "事件", events_more: "启动以来", parts: "组成部分",
    less: "未能完全满足的请求", no_fallbacks: "最近一分钟没有。", is_ready: "就绪", is_starting: "启动中", is_failed: "失败",
    part_state: "引擎与状态", part_behind: "已保存但未吸收", part_words: "文字与图片读取进程", part_model: "模型",
    words_up: "运行中", words_starting: "启动中", words_down: "停止", gone: "没有回应",
    effect: "影响的对象", final_score: "列表的得分", causes: "影响得分的原因:{0} 项", source: "来源:{0}", rule: "规则:{0}",
  },
};

const Language = {
  current: localStorage.getItem("language") || (navigator.language.startsWith("zh") ? "zh" : "en"),

  say(word, ...values) {
    return values.reduce((text, value, place) => text.replaceAll(`{${place}}`, () => value), WORDS[this.current][word]);
  },

  use(language) {
    this.current = language;
    localStorage.setItem("language", language);
    document.documentElement.lang = language;
    for (const element of document.querySelectorAll("[data-word]")) element.textContent = this.say(element.dataset.word);
    for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = this.say(element.dataset.hint);
    for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", this.say(element.dataset.label));
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
