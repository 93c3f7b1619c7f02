// Passkeys. A form with data-passkey="create" or "get" is shown only where the
// browser knows passkeys. Sent, it first asks the server for a ceremony
// (data-begin), lets the browser carry it out, and then goes as an ordinary
// form with what came of it. The PRF result is 32 bytes that the passkey made;
// it goes in a field of its own, and never in what the server parses as the
// passkey's answer.
"use strict";

(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;
  if (/^[0-9.]+$|^\[/.test(location.hostname)) return; // browsers make none for an address of numbers

  const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const decode = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

  // What the server writes as base64url, the browser wants as bytes.
  function readOptions(options) {
    const o = structuredClone(options.publicKey ?? options);
    o.challenge = decode(o.challenge);
    if (o.user) o.user.id = decode(o.user.id);
    for (const c of [...(o.allowCredentials ?? []), ...(o.excludeCredentials ?? [])]) c.id = decode(c.id);
    const prf = o.extensions?.prf;
    for (const salts of [prf?.eval, ...Object.values(prf?.evalByCredential ?? {})]) {
      if (!salts) continue;
      salts.first = decode(salts.first);
      if (salts.second) salts.second = decode(salts.second);
    }
    return o;
  }

  // PublicKeyCredential.toJSON() is not everywhere, and would hold PRF results.
  function writeCredential(c) {
    const r = c.response;
    const response = { clientDataJSON: encode(r.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (r[name]) response[name] = encode(r[name]);
    }
    if (r.getTransports) response.transports = r.getTransports();
    const credential = { id: c.id, rawId: encode(c.rawId), type: c.type, response, clientExtensionResults: {} };
    if (c.authenticatorAttachment) credential.authenticatorAttachment = c.authenticatorAttachment;
    const { prf, credProps } = c.getClientExtensionResults();
    if (prf && "enabled" in prf) credential.clientExtensionResults.prf = { enabled: prf.enabled };
    if (credProps) credential.clientExtensionResults.credProps = credProps;
    return credential;
  }

  const prfOf = (c) => c.getClientExtensionResults().prf?.results?.first;

  async function create(options) {
    const made = await navigator.credentials.create({ publicKey: options });
    const salt = options.extensions?.prf?.eval;
    let prf = prfOf(made);
    if (!prf && salt && made.getClientExtensionResults().prf?.enabled) {
      // Many make no result while they are made: once more, with the same salt.
      // Its answer is not sent, so the challenge is nobody's.
      const again = await navigator.credentials.get({ publicKey: {
        challenge: crypto.getRandomValues(new Uint8Array(32)), rpId: options.rp.id, userVerification: "required", timeout: options.timeout,
        allowCredentials: [{ type: "public-key", id: made.rawId, transports: made.response.getTransports?.() }],
        extensions: { prf: { eval: salt } },
      } });
      prf = prfOf(again);
    }
    return [made, prf];
  }

  async function get(options) {
    const shown = await navigator.credentials.get({ publicKey: options });
    return [shown, prfOf(shown)];
  }

  // begin asks the server for a ceremony. What it refuses is thrown as told.
  async function begin(form) {
    const body = new URLSearchParams();
    if (form.elements.name) body.set("name", form.elements.name.value);
    const resp = await fetch(form.dataset.begin, { method: "POST", body, headers: { Accept: "application/json" } });
    const said = await resp.json();
    if (resp.ok) return said;
    if (said.code === "step_up" || said.code === "unauthorized" && !form.dataset.name) location.reload();
    throw new Told(said.detail ? said.title + " " + said.detail : said.title);
  }

  class Told extends Error {}

  function explain(error) {
    if (error instanceof Told) return error.message;
    switch (error.name) {
      case "NotAllowedError":
      case "AbortError":
        return "No passkey was used: it was cancelled, took too long, or this device has none that fits.";
      case "InvalidStateError":
        return "This device holds a passkey for your account already.";
      case "SecurityError":
        return "Passkeys do not work at this address. Open the keep under the name that it was set up with.";
    }
    return "The passkey could not be used.";
  }

  const fault = document.querySelector("[data-passkey-fault]");
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    const button = form.querySelector("button[type=submit]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation(); // it may be sent again: hearkeep.js takes forms once
      if (button.disabled) return;
      const from = form.dataset.name && document.getElementById(form.dataset.name);
      if (from) {
        if (!from.reportValidity()) return;
        form.elements.name.value = from.value;
      }
      button.disabled = true;
      fault.hidden = true;
      try {
        const { ceremony, options } = await begin(form);
        const [credential, prf] = await (form.dataset.passkey === "create" ? create : get)(readOptions(options));
        form.elements.ceremony.value = ceremony;
        form.elements.response.value = JSON.stringify(writeCredential(credential));
        form.elements.prf.value = prf ? encode(prf) : "";
        form.submit();
      } catch (error) {
        fault.textContent = explain(error);
        fault.hidden = false;
        button.disabled = false;
      }
    });
  }
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("form[data-passkey] button[type=submit]")) button.disabled = false;
  });
  for (const e of document.querySelectorAll("[data-passkey-none]")) e.hidden = true;
})();
