// Keeps what is marked data-live up to date. Without it the pages work the same; they are just not live.
"use strict";
(() => {
  const main = document.querySelector("main[data-refresh]");
  const stale = document.getElementById("stale");
  const news = document.getElementById("news");
  if (!main) return;
  let asking = false;

  const states = (root) => {
    const found = new Map();
    for (const each of root.querySelectorAll("[data-name][data-state]")) {
      found.set(each.dataset.name, each.dataset.state);
    }
    return found;
  };

  // For people who do not see the page change: what is in another state than before.
  const tell = (before, after) => {
    const changed = [];
    for (const [name, state] of after) {
      if (before.has(name) && before.get(name) !== state) changed.push(`${name}: ${state}`);
    }
    if (changed.length) news.textContent = changed.join(". ");
  };

  const update = (fresh) => {
    const before = states(main);
    for (const old of main.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(old.id);
      if (!next || old.isEqualNode(next)) continue;
      const held = old.contains(document.activeElement) ? document.activeElement.id : "";
      old.replaceWith(document.importNode(next, true));
      if (held) document.getElementById(held)?.focus({ preventScroll: true });
    }
    tell(before, states(main));
  };

  const look = () => {
    if (document.hidden || asking) return;
    asking = true;
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname);
    // The browser hands over a document; no string is ever turned into markup here (Trusted Types).
    request.responseType = "document";
    request.timeout = 10000;
    // Nobody touched anything: this look does not keep the session alive.
    request.setRequestHeader("X-Refresh", "1");
    request.onload = () => {
      stale.hidden = request.status < 500;
      if (request.status === 401) location.replace(`/sign-in?next=${location.pathname}`);
      else if (request.status === 200 && request.response) update(request.response);
    };
    request.onerror = request.ontimeout = () => { stale.hidden = false; };
    request.onloadend = () => { asking = false; };
    request.send();
  };

  setInterval(look, Number(main.dataset.refresh) * 1000);
  document.addEventListener("visibilitychange", look);
})();
