// The page of a programme: what the draft would do, fetched after the page.
"use strict";
(() => {
  const select = document.querySelector("[data-effect]");
  if (!select) return;
  const place = document.querySelector(".jx-effect");
  let asked = 0;

  async function load() {
    const mine = ++asked;
    place.textContent = place.dataset.waiting;
    const wanted = new URLSearchParams({ id: select.dataset.revision, code: select.value });
    try {
      const answer = await fetch(`${select.dataset.effect}?${wanted}`, { credentials: "same-origin" });
      if (!answer.ok) throw new Error();
      const html = await answer.text();
      if (mine === asked) place.innerHTML = html;
    } catch {
      if (mine === asked) place.textContent = document.body.dataset.failed;
    }
  }

  select.addEventListener("change", load);
  load();
})();
