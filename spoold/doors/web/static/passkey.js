// Asks the browser to make or show a passkey, and sends its answer with the form around the button.
"use strict";
(() => {
  const button = document.querySelector("button[data-passkey]");
  const trouble = document.getElementById("passkey-trouble");
  if (!button || !window.PublicKeyCredential) return;

  const octets = (text) => {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (character) => character.charCodeAt(0));
  };
  const text = (buffer) => {
    if (!buffer) return null;
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  const known = (list) => (list || []).map((each) => ({ ...each, id: octets(each.id) }));

  const ask = (options) => {
    options.challenge = octets(options.challenge);
    if (button.dataset.passkey === "create") {
      options.user.id = octets(options.user.id);
      options.excludeCredentials = known(options.excludeCredentials);
      return navigator.credentials.create({ publicKey: options });
    }
    options.allowCredentials = known(options.allowCredentials);
    return navigator.credentials.get({ publicKey: options });
  };

  const answer = (credential) => {
    const given = credential.response;
    const response = { clientDataJSON: text(given.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (part in given) response[part] = text(given[part]);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response,
      clientExtensionResults: {},
    });
  };

  button.addEventListener("click", async () => {
    const form = button.form;
    if (!form.reportValidity()) return;
    button.disabled = true;
    trouble.hidden = true;
    try {
      form.elements.passkey.value = answer(await ask(JSON.parse(button.dataset.options)));
      form.submit();
    } catch {
      // Refused, timed out, or no such passkey here: the browser has said so.
      trouble.hidden = false;
      button.disabled = false;
    }
  });
  button.disabled = false;
})();
