// What the bounds say of the ticked cases, and what the points of a sheet come to.
(() => {
  "use strict";
  const form = document.getElementById("jx-slate");
  if (form) {
    const list = form.querySelector("[data-limits-list]");
    const none = form.querySelector("[data-limits-none]");
    const count = form.querySelector("[data-chosen-count]");
    const icon = (holds) => form.querySelector(holds ? "[data-limit-good]" : "[data-limit-bad]").content.cloneNode(true);
    let turn = 0;

    function line(item) {
      const row = document.createElement("li");
      row.className = item.holds ? "jx-good" : "jx-bad";
      const words = document.createElement("b");
      words.className = "jx-num";
      words.textContent = item.words;
      const says = document.createElement("span");
      says.textContent = item.clause ? `${item.says} ${item.clause}` : item.says;
      row.append(icon(item.holds), words, says);
      return row;
    }

    async function ask() {
      const mine = ++turn;
      const chosen = new FormData(form).getAll("rowid");
      count.textContent = chosen.length ? `· ${chosen.length}` : "";
      const body = new URLSearchParams(chosen.map((value) => ["rowid", value]));
      const headers = { Accept: "application/json", "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content };
      try {
        const response = await fetch(form.dataset.limits, { method: "POST", headers, body, credentials: "same-origin" });
        if (!response.ok || mine !== turn) return;
        const { limits } = await response.json();
        if (mine !== turn) return;
        list.replaceChildren(...limits.map(line));
        none.hidden = limits.length > 0;
      } catch {
        list.replaceChildren();
      }
    }
    let wait;
    form.addEventListener("change", (event) => {
      if (event.target.name !== "rowid") return;
      clearTimeout(wait);
      wait = setTimeout(ask, 150);
    });
  }

  const points = [...document.querySelectorAll("[data-points]")];
  const sum = document.querySelector("[data-points-sum]");
  if (sum) {
    const add = () => {
      const given = points.filter((input) => input.value !== "");
      sum.textContent = given.length ? String(Math.round(given.reduce((total, input) => total + Number(input.value), 0) * 100) / 100) : "–";
    };
    points.forEach((input) => input.addEventListener("input", add));
    add();
  }
})();
