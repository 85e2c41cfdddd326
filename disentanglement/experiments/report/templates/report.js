"use strict";
{
  const $ = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const toggles = all(".toggle");

  // What the reader has chosen outlives a reload, in this tab. A browser may forbid to store it.
  const KEY = "report " + location.pathname;
  const kept = (() => {
    try { return JSON.parse(sessionStorage.getItem(KEY)) || {}; } catch { return {}; }
  })();
  function keep() {
    const names = toggles.filter((box) => !box.checked).map((box) => box.closest("tr").dataset.name);
    const state = {
      hidden: names, filter: $("filter").value, reload: $("reload")?.checked,
      frame: $("frame")?.value, playing: Boolean(timer), focus: document.activeElement?.id,
      open: Object.fromEntries(all("details[id]").map((d) => [d.id, d.open])),
    };
    try { sessionStorage.setItem(KEY, JSON.stringify(state)); } catch { /* then it starts anew */ }
  }

  // Charts. Each root of Bokeh has a source and a filter for lines, and another for dots.
  const figures = [];
  async function draw() {
    for (const element of all(".chart")) {
      const number = element.id.slice("chart-".length);
      const item = JSON.parse($("item-" + number).textContent);
      const views = await Bokeh.embed.embed_item(item, element.id);
      figures[number] = [...views][0].model;
    }
    paint();
    apply();
    document.body.dataset.ready = "yes";
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  function paint() {
    const style = getComputedStyle(document.documentElement);
    const [text, line, back] = ["--text", "--line", "--back"].map((n) => style.getPropertyValue(n).trim());
    for (const figure of figures) {
      Object.assign(figure, { background_fill_color: back, border_fill_color: back, outline_line_color: line });
      for (const part of [...figure.below, ...figure.left, ...figure.center]) {
        if (part.name === "paper") part.line_color = text;
        else if (part.type === "Grid") part.grid_line_color = line;
        else if (part.type.endsWith("Axis")) {
          Object.assign(part, {
            axis_label_text_color: text, major_label_text_color: text, axis_line_color: line,
            major_tick_line_color: line, minor_tick_line_color: line,
          });
        }
      }
    }
  }

  // Runs are shown or hidden everywhere at once.
  function shown() {
    const word = $("filter").value.toLowerCase();
    return toggles.map((box) => {
      const row = box.closest("tr");
      row.hidden = !row.dataset.name.toLowerCase().includes(word);
      return box.checked && !row.hidden;
    });
  }
  function apply() {
    const visible = shown();
    for (const element of all("[data-run]")) element.hidden = visible[element.dataset.run] === false;
    for (const figure of figures) {
      for (const renderer of figure.renderers) {
        const numbers = [...renderer.data_source.get_array("number")];
        renderer.view.filter.booleans = numbers.map((n) => visible[n]);
      }
    }
    const count = visible.filter(Boolean).length;
    $("count").textContent = `${count} of ${visible.length} shown`;
    for (const details of all(".values[open]")) list(details);
  }
  function setAll(checked) {
    for (const box of toggles) if (!box.closest("tr").hidden) box.checked = checked;
    apply();
  }

  // The points of a chart as a table, for those who cannot point at them.
  function cell(row, tag, text) {
    const element = document.createElement(tag);
    element.textContent = text;
    row.append(element);
  }
  function list(details) {
    const dots = figures[details.dataset.chart].renderers[1];
    const [runs, x, y] = ["run", "x", "y"].map((name) => [...dots.data_source.get_array(name)]);
    const places = dots.view.filter.booleans.flatMap((is, i) => (is ? [i] : [])).slice(0, 2000);
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const name of ["run", "batches", "score"]) cell(head, "th", name);
    const body = table.createTBody();
    for (const i of places) {
      const row = body.insertRow();
      cell(row, "td", runs[i]);
      cell(row, "td", x[i].toLocaleString("en"));
      cell(row, "td", y[i].toFixed(4));
    }
    const box = document.createElement("div");
    Object.assign(box, { className: "scroll", tabIndex: 0 });
    box.append(table);
    details.querySelector(".scroll")?.remove();
    details.append(box);
  }

  // Traversals: all show the same place between the smallest and the largest value.
  let timer = null, up = true;
  function move() {
    const place = $("frame").value / $("frame").max;
    for (const strip of all(".strip:not([hidden])")) {
      strip.style.setProperty("--frame", Math.round(place * (strip.dataset.columns - 1)));
    }
  }
  function tick() {
    const slider = $("frame"), value = Number(slider.value);
    if (value >= slider.max || value <= 0) up = value <= 0;
    slider.value = value + (up ? 1 : -1);
    move();
  }
  function play(on) {
    clearInterval(timer);
    timer = on ? setInterval(tick, 120) : null;
    $("play").textContent = on ? "Pause" : "Play";
    $("play").setAttribute("aria-pressed", on);
  }

  for (const box of toggles) box.checked = !(kept.hidden || []).includes(box.closest("tr").dataset.name);
  $("filter").value = kept.filter || "";
  for (const [id, open] of Object.entries(kept.open || {})) if ($(id)) $(id).open = open;
  $("runs").addEventListener("change", apply);
  $("filter").addEventListener("input", apply);
  $("all").addEventListener("click", () => setAll(true));
  $("none").addEventListener("click", () => setAll(false));
  dark.addEventListener("change", paint);
  for (const details of all(".values")) {
    details.addEventListener("toggle", () => { if (details.open) list(details); });
  }
  if ($("play")) {
    $("frame").value = kept.frame || 0;
    $("frame").addEventListener("input", () => { play(false); move(); });
    $("frame").addEventListener("keydown", (event) => { if (event.key !== "Tab") play(false); });
    $("play").addEventListener("click", () => play(!timer));
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    play(kept.playing ?? !still);
    move();
  }
  draw();

  addEventListener("pagehide", keep);
  const seconds = Number(document.body.dataset.watch);
  if (seconds) {
    if (kept.reload === false) $("reload").checked = false;
    setInterval(() => {
      if ($("reload").checked && !document.hidden) location.reload();
    }, 1000 * seconds);
  }
  if (kept.focus) $(kept.focus)?.focus({ preventScroll: true });
}
