// A sound file dropped anywhere on the page goes into the form that asks for
// one, and is sent.
"use strict";

(() => {
  const field = document.getElementById("sound");
  if (!field) return;
  const card = document.getElementById("upload");
  const hint = document.getElementById("drop-hint");
  hint.hidden = false;
  let inside = 0; // elements of the page that the drag has entered and not left
  const carries = (event) => [...event.dataTransfer.types].includes("Files");
  const mark = (on) => card.classList.toggle("drop", on);

  document.addEventListener("dragenter", (event) => {
    if (!carries(event)) return;
    inside++;
    card.open = true;
    mark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (carries(event) && --inside <= 0) mark(false);
  });
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    inside = 0;
    mark(false);
    const files = event.dataTransfer.files;
    if (files.length !== 1) {
      hint.textContent = "One file at a time, please: nothing was sent.";
      return;
    }
    field.files = files;
    field.form.requestSubmit();
  });
})();
