"use strict";
(() => {
  const say = (text) => { document.getElementById("status").textContent = text; };

  // Copy: what is copied is what is shown.
  const copy = async (pre) => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(pre);
      return document.execCommand("copy");
    }
  };
  for (const pre of document.querySelectorAll("pre.copy")) {
    const box = document.createElement("div");
    const button = document.createElement("button");
    box.className = "copybox";
    button.type = "button";
    button.textContent = "Copy";
    pre.replaceWith(box);
    box.append(pre, button);
    button.addEventListener("click", async () => {
      const done = await copy(pre);
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      say(done ? "Copied to the clipboard" : "The text is selected");
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  // Filter: entries by text and verdict; a statement stays as long as it or one of its requirements does.
  const form = document.getElementById("filter");
  const output = form.querySelector(".hits");
  const entries = [...document.querySelectorAll(".f")];
  const groups = [...document.querySelectorAll(".st, .group")];
  const exchanges = [...document.querySelectorAll(".ex")];
  const rows = [...document.querySelectorAll(".row")];
  const total = entries.filter((entry) => entry.matches("tr[data-v][id]")).length;
  const texts = new Map();
  const opened = new Set();
  const has = (element, word) => {
    if (!texts.has(element)) texts.set(element, element.textContent.toLowerCase());
    return texts.get(element).includes(word);
  };
  const apply = () => {
    const word = form.elements.text.value.trim().toLowerCase();
    const boxes = [...form.elements.verdict];
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const isAll = wanted.size === boxes.length;
    const isWanted = (element) => isAll || wanted.has(element.dataset.v);
    const heads = new Map(groups.map((group) => [group, word !== "" && has(group.querySelector("summary") ?? group, word)]));
    let count = 0;
    for (const entry of entries) {
      const head = heads.get(entry.closest(".st, .group"));
      entry.hidden = !(isWanted(entry) && (word === "" || head || has(entry, word)));
      if (!entry.hidden && entry.matches("tr[data-v][id]")) count += 1;
    }
    for (const details of opened) details.open = false;
    opened.clear();
    for (const group of groups) {
      const inside = [...group.querySelectorAll(".f")];
      const kept = inside.filter((entry) => !entry.hidden).length;
      group.hidden = inside.length ? !kept : !(isWanted(group) && (word === "" || has(group, word)));
      if (kept && word !== "" && !heads.get(group) && !group.open && opened.size < 50) { group.open = true; opened.add(group); }
    }
    for (const row of rows) row.hidden = !row.querySelector(".st:not([hidden])");
    for (const exchange of exchanges) exchange.hidden = word !== "" && !has(exchange, word);
    output.textContent = word === "" && isAll ? "" : `${count} of ${total}`;
    say(output.textContent && `${output.textContent} requirements`);
  };
  let timer = 0;
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 120); });
  form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  form.hidden = false;

  // Paper has no disclosure triangles. Exchanges stay closed: they are for the screen.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not(.ex, .data):not([open])")];
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => { for (const details of closed) details.open = false; });
})();
