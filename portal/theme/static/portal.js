// What every page does: menus, dialogs, counts, choosing rows, the drawer. No framework.
"use strict";
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const root = document.documentElement;
  const body = document.body;

  const yuan = (fen) => {
    const digits = fen % 100 ? 2 : 0;
    return (fen / 100).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  };

  async function answer(url, options = {}) {
    const headers = { Accept: "application/json", "X-Requested-With": "fetch", ...options.headers };
    const response = await fetch(url, { credentials: "same-origin", ...options, headers });
    if (response.redirected && new URL(response.url).pathname !== new URL(url, location.href).pathname) throw new Error();
    return response;
  }

  function post(url, fields) {
    const headers = { "X-CSRFToken": $('meta[name="csrf-token"]').content };
    return answer(url, { method: "POST", headers, body: new URLSearchParams(fields) });
  }

  // ---- shell: colours, language, sidebar, menus, messages
  function keep(name, value) {
    document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`;
  }

  function setScheme() {
    const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
    root.dataset.bsTheme = next;
    keep("scheme", next);
  }

  function setSide(open) {
    const side = $("#jx-side");
    const opener = $("[data-open-side]");
    if (!side || !opener) return;
    side.classList.toggle("jx-open", open);
    opener.setAttribute("aria-expanded", String(open));
    $("[data-close-side]").hidden = !open;
    if (open) $("a", side).focus();
    else if (side.contains(document.activeElement)) opener.focus();
  }

  function toggle(button) {
    const target = document.getElementById(button.dataset.toggle);
    const open = target.classList.toggle("jx-open");
    button.setAttribute("aria-expanded", String(open));
  }

  // ---- numbers that are fetched after the page
  async function loadCounts() {
    const places = $$("[data-count-url]");
    for (const url of new Set(places.map((p) => p.dataset.countUrl))) {
      try {
        const { counts } = await (await answer(url)).json();
        places.filter((p) => p.dataset.countUrl === url).forEach((p) => {
          const n = counts[p.dataset.countKey];
          p.textContent = n ?? "";
          p.hidden = n === undefined || (n === 0 && p.closest(".jx-nav") !== null);
        });
      } catch {
        places.filter((p) => p.dataset.countUrl === url).forEach((p) => { p.hidden = true; });
      }
    }
  }

  let totals = null;
  async function loadTotals(list) {
    if (!list.dataset.totalsUrl) return;
    try {
      totals = await (await answer(list.dataset.totalsUrl)).json();
    } catch {
      totals = null;
    }
    $$("[data-total]").forEach((place) => {
      const key = place.dataset.total;
      if (!totals) place.textContent = "–";
      else if (key === "count") place.textContent = totals.count.toLocaleString("en-US") + (totals.capped ? "+" : "");
      else place.textContent = key in totals.sums ? yuan(totals.sums[key]) : "–";
    });
    drawChoice();
  }

  // ---- choosing rows
  const boxes = () => $$('.jx-table tbody input[name="rowid"]');
  const bulk = $("#jx-bulk");

  function drawChoice() {
    if (!bulk) return;
    const all = boxes();
    const chosen = all.filter((b) => b.checked);
    const head = $("[data-choose-page]");
    const everything = $("[data-all]", bulk).value === "1";
    head.checked = all.length > 0 && chosen.length === all.length;
    head.indeterminate = chosen.length > 0 && !head.checked;
    bulk.hidden = chosen.length === 0;
    const sums = totals ? Object.values(totals.sums) : [];
    const fen = everything ? sums[0] : chosen.reduce((sum, b) => sum + Number(b.dataset.fen), 0);
    const flagged = everything ? 0 : chosen.filter((b) => "flag" in b.dataset).length;
    $("[data-chosen]", bulk).textContent = everything ? $("[data-choose-all] [data-total]", bulk).textContent : chosen.length;
    $("[data-chosen-fen]", bulk).textContent = fen === undefined ? "" : `${fen < 0 ? "-" : ""}¥${yuan(Math.abs(fen))}`;
    $("[data-chosen-sum]", bulk).hidden = !fen;
    $("[data-chosen-flagged]", bulk).hidden = flagged === 0;
    $("[data-chosen-flags]", bulk).textContent = flagged;
    $("[data-choose-all]", bulk).hidden = everything || !head.checked || !totals || totals.count <= all.length;
  }

  function choose(pick, everything = false) {
    boxes().forEach((b) => { b.checked = pick; });
    $("[data-all]", bulk).value = everything ? "1" : "";
    drawChoice();
  }

  let lastBox = null;
  function chooseRange(event) {
    const box = event.target;
    const all = boxes();
    if (event.shiftKey && lastBox) {
      const [from, to] = [all.indexOf(lastBox), all.indexOf(box)].sort((a, b) => a - b);
      all.slice(from, to + 1).forEach((b) => { b.checked = box.checked; });
    }
    lastBox = box;
    $("[data-all]", bulk).value = "";
    drawChoice();
  }

  // ---- density
  function setDensity(value) {
    root.dataset.density = value;
    $$("[data-density-toggle]").forEach((b) => b.setAttribute("aria-pressed", String(value === "compact")));
  }

  function toggleDensity() {
    const next = root.dataset.density === "compact" ? "normal" : "compact";
    localStorage.setItem("jx-density", next);
    setDensity(next);
  }

  // ---- drawer
  const drawer = $("#jx-drawer");
  let current = null;
  let asked = 0;

  async function openDrawer(link) {
    mark(link);
    const mine = ++asked;
    const url = new URL(link.href);
    url.searchParams.set("modal", "1");
    if (!drawer.open) {
      drawer.replaceChildren(Object.assign(document.createElement("p"), { className: "jx-waiting", textContent: drawer.dataset.waiting }));
      drawer.showModal();
    }
    try {
      const response = await answer(url, { headers: { Accept: "text/html" } });
      if (!response.ok) throw new Error();
      const html = await response.text();
      if (mine !== asked) return;
      drawer.innerHTML = html;
      $("[data-dialog-close]", drawer)?.focus();
      drawStep();
    } catch {
      if (mine === asked) location.assign(link.href);
    }
  }

  function mark(link) {
    current?.closest("tr")?.classList.remove("jx-now");
    current = link;
    const row = link.closest("tr");
    row?.classList.add("jx-now");
    row?.scrollIntoView({ block: "nearest" });
  }

  const neighbour = (step) => {
    const links = $$(".jx-table a[data-drawer]");
    return links[links.indexOf(current) + step];
  };

  function drawStep() {
    $$("[data-drawer-step]", drawer).forEach((b) => { b.disabled = !neighbour(Number(b.dataset.drawerStep)); });
  }

  function stepDrawer(step) {
    const next = neighbour(step);
    if (next) openDrawer(next);
  }

  // ---- revealing a masked identifier
  const reveal = $("#jx-reveal");
  let eye = null;

  function askReveal(button) {
    eye = button;
    $("form", reveal).reset();
    $(".jx-wrong", reveal).hidden = true;
    reveal.showModal();
    $("textarea", reveal).focus();
  }

  async function sendReveal(event) {
    event.preventDefault();
    const say = (words) => Object.assign($(".jx-wrong", reveal), { textContent: words, hidden: false });
    try {
      const response = await post(eye.dataset.reveal, { reason: $("textarea", reveal).value });
      const told = await response.json();
      if (!response.ok) return say(told.error ?? body.dataset.failed);
      reveal.close();
      showFor30Seconds(eye, told.value);
    } catch {
      say(body.dataset.failed);
    }
  }

  function showFor30Seconds(button, value) {
    const place = button.previousElementSibling;
    const hidden = place.textContent;
    place.textContent = value;
    place.classList.add("jx-shown");
    place.setAttribute("role", "status");
    setTimeout(() => { place.textContent = hidden; place.classList.remove("jx-shown"); }, 30000);
  }

  // ---- forms that ask first, forms that must be sent once
  const confirmBox = $("#jx-confirm");
  function askFirst(form, submitter) {
    $("#jx-confirm-title").textContent = form.dataset.confirm;
    confirmBox.returnValue = "";
    confirmBox.showModal();
    confirmBox.addEventListener("close", () => {
      if (confirmBox.returnValue !== "yes") return;
      delete form.dataset.confirm;
      form.requestSubmit(submitter);
    }, { once: true });
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "dialog") return;
    if (form.dataset.confirm && confirmBox) {
      event.preventDefault();
      askFirst(form, event.submitter);
    } else if (form.dataset.sent) {
      event.preventDefault();
    } else if (form.method === "post" && !form.hasAttribute("data-guard")) {
      form.dataset.sent = "1";
      setTimeout(() => { delete form.dataset.sent; }, 4000);
    }
  });

  // ---- long work
  async function follow(box) {
    for (;;) {
      try {
        const job = await (await answer(box.dataset.progress)).json();
        $("progress", box).value = job.total ? job.done / job.total : 0;
        $("[data-progress-text]", box).textContent = `${job.done} / ${job.total}`;
        if (job.state === "done") return location.replace(job.url || location.href);
        if (job.state === "failed") { $("[data-progress-failed]", box).hidden = false; return undefined; }
      } catch { /* the server may be restarting: ask again */ }
      await new Promise((done) => setTimeout(done, 1500));
    }
  }

  function drawReveals(box) {
    const target = document.getElementById(box.dataset.reveals);
    target.hidden = !box.checked;
    $$("textarea", target).forEach((t) => { t.required = box.checked; });
  }

  function fill(button) {
    const target = document.getElementById(button.dataset.fill);
    target.value = target.value ? `${target.value}；${button.textContent}` : button.textContent;
    target.focus();
  }

  // ---- one listener for clicks
  const clicks = [
    ["[data-scheme-toggle]", setScheme],
    ["[data-locale]", (b) => { keep("locale", b.dataset.locale); location.reload(); }],
    ["[data-open-side]", (b) => setSide(b.getAttribute("aria-expanded") !== "true")],
    ["[data-close-side]", () => setSide(false)],
    ["[data-toggle]", toggle],
    ["[data-dismiss]", (b) => b.parentElement.remove()],
    ["[data-density-toggle]", toggleDensity],
    ["[data-dialog]", (b) => document.getElementById(b.dataset.dialog).showModal()],
    ["[data-dialog-close]", (b, event) => { event.preventDefault(); b.closest("dialog").close(); }],
    ["[data-drawer-step]", (b) => stepDrawer(Number(b.dataset.drawerStep))],
    ["[data-choose-all]", () => choose(true, true)],
    ["[data-choose-none]", () => choose(false)],
    ["[data-reveal]", askReveal],
    ["[data-fill]", fill],
    ["[data-tick]", (b) => $$(`input[name="${b.dataset.tick}"]`, b.form).forEach((each) => { each.checked = b.checked; })],
  ];

  document.addEventListener("click", (event) => {
    $$("details.jx-menu[open]").forEach((d) => { if (!d.contains(event.target)) d.open = false; });
    const link = event.target.closest("a[data-drawer]");
    if (link && drawer && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      openDrawer(link);
      return;
    }
    for (const [selector, act] of clicks) {
      const hit = event.target.closest(selector);
      if (hit) { act(hit, event); return; }
    }
    if (event.target === drawer) drawer.close();
    if (event.target.name === "rowid") chooseRange(event);
    if (event.target.matches("[data-choose-page]")) choose(event.target.checked);
    if (event.target.matches("[data-reveals]")) drawReveals(event.target);
  });

  // ---- keys: never while an input method composes, never while somebody types
  const typing = (at) => at.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");

  const keys = {
    "/": () => ($("#jx-list-search") ?? $("#jx-find"))?.focus(),
    j: () => moveRow(1),
    k: () => moveRow(-1),
    x: () => current?.closest("tr")?.querySelector('input[name="rowid"]')?.click(),
    Enter: () => current && drawer && !drawer.open && document.activeElement === body && openDrawer(current),
  };

  function moveRow(step) {
    if (drawer?.open) return stepDrawer(step);
    const links = $$(".jx-table a[data-drawer]");
    const next = current ? neighbour(step) : links[0];
    if (next) mark(next);
    return undefined;
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "k" && $("#jx-find")) {
      event.preventDefault();
      $("#jx-find").focus();
      return;
    }
    if (event.key === "Escape") {
      $$("details.jx-menu[open]").forEach((d) => { d.open = false; $("summary", d).focus(); });
      setSide(false);
      return;
    }
    const open = $("dialog[open]");
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || (open && open !== drawer)) return;
    const act = keys[event.key];
    if (!act) return;
    if (event.key !== "Enter") event.preventDefault();
    act();
  });

  // ---- start
  setDensity(localStorage.getItem("jx-density") ?? "normal");
  $("[data-focus]")?.focus();
  $("[data-list]") && loadTotals($("[data-list]"));
  loadCounts();
  drawChoice();
  $$("[data-progress]").forEach(follow);
  $$("[data-reveals]").forEach(drawReveals);
  reveal && $("form", reveal).addEventListener("submit", sendReveal);
  drawer?.addEventListener("close", () => current?.focus());
  addEventListener("pageshow", drawChoice);
})();
