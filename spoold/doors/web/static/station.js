// Makes a station's screen handier: keys for fingers, a countdown, the reader's field always ready. Forms do the work.
"use strict";
(() => {
  const clears = document.querySelector("[data-left]");
  if (clears) {
    const ends = performance.now() + Number(clears.dataset.left) * 1000;
    setInterval(() => {
      const left = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
      clears.textContent = clears.dataset.words.replace("{}", String(left));
    }, 500);
    setTimeout(() => location.replace("/station"), Number(clears.dataset.left) * 1000 + 600);
  }

  for (const pad of document.querySelectorAll("[data-keypad]")) {
    let field = document.getElementById(pad.dataset.keypad);
    const form = pad.closest("form");
    // Where two fields are filled in, the keys write into the one that was touched last.
    form.addEventListener("focusin", (event) => {
      if (event.target.matches("input[type=password]")) field = event.target;
    });
    pad.hidden = false;
    // The tablet's own keyboard would lie over these keys.
    for (const each of form.querySelectorAll("input[type=password]")) each.inputMode = "none";
    pad.addEventListener("click", (event) => {
      const key = event.target.closest("[data-key]")?.dataset.key;
      if (!key) return;
      if (key === "clear") field.value = "";
      else if (key === "back") field.value = field.value.slice(0, -1);
      else field.value += key;
      field.focus({ preventScroll: true });
    });
  }

  // A reader types into whatever has the focus: on the first screen that is always its field.
  const badge = document.querySelector("#badge-form #badge");
  if (badge) {
    badge.focus();
    document.addEventListener("click", (event) => {
      if (!event.target.closest("button, a, input, label, summary")) badge.focus({ preventScroll: true });
    });
  }

  // One answer for each screen: a second tap must not be a second try.
  for (const form of document.querySelectorAll("main form")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
  }
})();
