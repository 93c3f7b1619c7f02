// What pages gain from JavaScript. Everything works without it: each control
// that this file serves is hidden until it runs.
"use strict";

for (const button of document.querySelectorAll("[data-reveal]")) {
  const field = document.getElementById(button.dataset.reveal);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
  });
  // A browser must not take a shown passphrase for a text to remember.
  field.form.addEventListener("submit", () => { field.type = "password"; });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// The lines to paste can come in later, with polling: so the document listens.
function offerCopies() {
  for (const button of document.querySelectorAll("[data-copy][hidden]")) {
    button.hidden = !navigator.clipboard;
  }
}
offerCopies();
document.addEventListener("htmx:after:swap", offerCopies);
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = "Copied";
});

// A form is sent once: a second click would show the answer to the second
// request, and the recovery kit stands in the answer to the first.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// One recording plays at a time.
document.addEventListener("play", (event) => {
  for (const audio of document.querySelectorAll("audio")) {
    if (audio !== event.target) audio.pause();
  }
}, true);

// A page that the browser held for its back button may be from before signing
// out, or from before a change: it is asked for anew.
window.addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector(".out")) location.replace(location.pathname + location.search);
});

// A recording that does not play may want an unlocker first: many were played
// within the hour. The player cannot say so.
document.addEventListener("error", async (event) => {
  const audio = event.target;
  if (!(audio instanceof HTMLAudioElement) || !audio.getAttribute("src")?.startsWith("/recordings/") || audio.dataset.asked) return;
  audio.dataset.asked = "yes";
  const resp = await fetch(audio.src, { headers: { Accept: "application/json", Range: "bytes=0-0" } });
  if (resp.status !== 403 || (await resp.json()).code !== "step_up") return;
  const link = document.createElement("a");
  link.href = "/unlock?next=" + encodeURIComponent(location.pathname + location.search);
  link.textContent = "Many recordings were played within the hour. Show that it is you to play more.";
  const line = document.createElement("p");
  line.className = "banner";
  line.append(link);
  audio.replaceWith(line);
}, true);
