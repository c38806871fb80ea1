"use strict";
const cells = JSON.parse(document.getElementById("cells").textContent);
const card = document.getElementById("card");
let pinned = null;

function line(list, name, value) {
  if (value === null || value === undefined || value === "") return;
  const term = document.createElement("dt");
  const text = document.createElement("dd");
  term.textContent = name;
  text.textContent = value;
  list.append(term, text);
}

function fill(cell) {
  card.replaceChildren();
  const heading = document.createElement("h3");
  heading.textContent = `${cell.model}: ${cell.source} → ${cell.target}`;
  const list = document.createElement("dl");
  card.append(heading);
  const text = document.createElement(cell.failure ? "pre" : "div");
  text.textContent = cell.failure ? cell.failure.message : cell.sentence;
  card.append(text, list);
  if (cell.failure) {
    line(list, "error", `${cell.failure.type}, exit code ${cell.failure.exit_code}`);
    line(list, "while", cell.failure.stage);
    line(list, "operators", cell.operators.join(", "));
    line(list, "next", cell.failure.hint);
  } else {
    for (const [name, bits] of Object.entries(cell.effective_bits))
      line(list, name, bits === null ? "no floating point" : `${bits.toFixed(1)} of 24 effective bits`);
    const t = cell.latency;
    line(list, "latency", `${t.ratio.toFixed(2)} times the source's (95 % between ` +
      `${t.ratio_interval[0].toFixed(2)} and ${t.ratio_interval[1].toFixed(2)}): ` +
      `${t.artifact_ms.toPrecision(3)} ms against ${t.source_ms.toPrecision(3)} ms`);
    line(list, "artifact", `${(cell.artifact_bytes / 1e6).toPrecision(3)} MB`);
    line(list, "versions", `${cell.source} ${cell.versions.source}, ${cell.target} ${cell.versions.target}`);
  }
  if (cell.via)
    line(list, "source", `the zoo has no definition in ${cell.source}: made from that in ${cell.via}`);
  for (const note of cell.notes) line(list, "note", note);
  line(list, "took", `${cell.seconds.toFixed(1)} s, what its row shares apart`);
}

function show(button) {
  document.querySelectorAll(".cell.open").forEach((one) => one.classList.remove("open"));
  button.classList.add("open");
  fill(cells[Number(button.dataset.cell)]);
  card.hidden = false;
  const at = button.getBoundingClientRect();
  const size = card.getBoundingClientRect();
  const below = at.bottom + 8 + size.height < innerHeight;
  const top = below ? at.bottom + 8 : Math.max(8, at.top - 8 - size.height);
  card.style.top = `${top}px`;
  card.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 16))}px`;
}

function hide() {
  pinned = null;
  card.hidden = true;
  document.querySelectorAll(".cell.open").forEach((one) => one.classList.remove("open"));
}

document.querySelectorAll("button.cell").forEach((button) => {
  button.addEventListener("mouseenter", () => pinned || show(button));
  button.addEventListener("mouseleave", () => pinned || hide());
  button.addEventListener("focus", () => pinned || show(button));
  button.addEventListener("blur", () => pinned || hide());
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    const again = pinned === button;
    hide();
    if (!again) {
      show(button);
      pinned = button;
    }
  });
});
card.addEventListener("click", (event) => event.stopPropagation());
document.addEventListener("click", hide);
document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
addEventListener("scroll", () => pinned || hide(), true);

document.querySelectorAll(".legend button").forEach((button) => {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    document.querySelectorAll(".legend button").forEach((one) => one.setAttribute("aria-pressed", "false"));
    button.setAttribute("aria-pressed", String(on));
    document.querySelector(".heat").classList.toggle("dim", on);
    document.querySelectorAll("button.cell").forEach((cell) =>
      cell.classList.toggle("lit", on && cell.dataset.word === button.dataset.word));
  });
});
