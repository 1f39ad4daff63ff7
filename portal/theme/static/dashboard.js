// Draws each chart of the overview from the table beside it; without this the tables stand alone.
"use strict";
(() => {
  const BAR = 30;
  const CHROME = 90;
  const WIDEST = 14;
  const root = document.documentElement;
  const drawn = new Map();

  const text = (element) => element.textContent.trim();
  const cut = (words) => (words.length > WIDEST ? `${words.slice(0, WIDEST - 1)}…` : words);

  function toneOf(name) {
    const probe = document.querySelector(`.jx-figures thead i.jx-${name}`);
    return getComputedStyle(probe).backgroundColor;
  }

  function colour(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }

  // what the table says: its rows from the bottom up, as an axis wants them
  function read(table) {
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows].reverse();
    const series = heads
      .map((head, place) => ({ head, place }))
      .filter(({ head }) => head.dataset.tone)
      .map(({ head, place }) => ({
        name: text(head),
        tone: head.dataset.tone,
        cells: rows.map((row) => ({
          count: Number(text(row.cells[place]).replaceAll(",", "")),
          url: row.cells[place].querySelector("a")?.href ?? "",
        })),
      }));
    return { names: rows.map((row) => [...row.cells[0].children].map(text).join(" · ")), series };
  }

  function options({ names, series }) {
    const words = { color: colour("--jx-text"), fontFamily: colour("--jx-font"), fontSize: 13 };
    const line = { lineStyle: { color: colour("--jx-line") } };
    return {
      animation: false,
      textStyle: words,
      grid: { left: 8, right: 16, top: 36, bottom: 8, containLabel: true },
      legend: { top: 0, left: 0, textStyle: words, itemWidth: 12, itemHeight: 12 },
      // drawn, not made of HTML: the page allows no inline style
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, renderMode: "richText" },
      xAxis: { type: "value", minInterval: 1, splitLine: line, axisLabel: { ...words, hideOverlap: true } },
      yAxis: {
        type: "category", data: names, axisTick: { show: false }, axisLine: line,
        axisLabel: { ...words, formatter: cut },
      },
      series: series.map((part) => ({
        name: part.name, type: "bar", stack: "all", barMaxWidth: 22, cursor: "pointer",
        itemStyle: { color: toneOf(part.tone), borderColor: colour("--jx-surface"), borderWidth: 1 },
        data: part.cells.map((cell) => ({ value: cell.count, url: cell.url })),
      })),
    };
  }

  function draw(place) {
    const table = document.getElementById(place.dataset.chart);
    const found = read(table);
    place.hidden = false;
    let chart = drawn.get(place);
    if (!chart) {
      const height = CHROME + BAR * found.names.length;
      chart = echarts.init(place, null, { renderer: "canvas", height });
      chart.on("click", ({ data }) => { if (data.url) location.assign(data.url); });
      drawn.set(place, chart);
    }
    chart.setOption(options(found));
  }

  function drawAll() {
    document.querySelectorAll("[data-chart]").forEach(draw);
  }

  if (typeof echarts === "undefined") return;
  drawAll();
  addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
  new MutationObserver(drawAll).observe(root, { attributeFilter: ["data-bs-theme"] });
})();
