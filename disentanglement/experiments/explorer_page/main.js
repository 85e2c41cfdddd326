"use strict";

/* The page: a panel for each model, and their state in the link. */

const models = JSON.parse(document.getElementById("models").textContent);
const panels = models.map((model) => new Panel(model, laterSaveState));
let saving;

document.getElementById("panels").append(...panels.map((panel) => panel.element));
restoreState();
window.addEventListener("hashchange", restoreState);
document.getElementById("share").addEventListener("click", share);
// A picture that misses its place must not replace the page.
for (const event of ["dragover", "drop"]) {
  window.addEventListener(event, (dropped) => dropped.preventDefault());
}

/** Return all latents as text: z0=0.5,-1&z1=..., with a part for each model. */
function stateText() {
  return panels.map((panel, i) => `z${i}=${panel.latents.join(",")}`).join("&");
}

/** Put the state into the address, when nothing has changed for a moment. */
function laterSaveState() {
  clearTimeout(saving);
  saving = setTimeout(saveState, 300);
}

function saveState() {
  clearTimeout(saving);
  history.replaceState(null, "", `#${stateText()}`);
}

/** Set the latents that the address holds; what is not a number, or too much, is left out. */
function restoreState() {
  const state = new URLSearchParams(location.hash.slice(1));
  panels.forEach((panel, i) => {
    const texts = (state.get(`z${i}`) ?? "").split(",").slice(0, panel.latents.length);
    const entries = texts.map((text, index) => [index, text.trim() === "" ? NaN : Number(text)]);
    const values = Object.fromEntries(entries.filter(([, value]) => Number.isFinite(value)));
    if (Object.keys(values).length) panel.set(values);
  });
}

async function share() {
  saveState();
  const status = document.getElementById("status");
  const link = document.getElementById("link");
  link.value = location.href;
  try {
    await navigator.clipboard.writeText(location.href);
    status.textContent = "Link copied.";
    link.hidden = true;
  } catch {
    status.textContent = "Copy this link:";
    link.hidden = false;
    link.select();
  }
}
