// Shows /openapi.json with Swagger UI. The key stays in memory: it is asked for again after a reload.
"use strict";

const entry = document.getElementById("entry");
const message = document.getElementById("message");

function show(spec, key) {
  const ui = SwaggerUIBundle({
    spec,
    dom_id: "#api",
    deepLinking: true,
    displayRequestDuration: true,
    validatorUrl: null, // the default sends the document's address to another host
    onComplete: () => {
      if (key) ui.preauthorizeApiKey("ApiKey", key);
    },
  });
}

async function open(key) {
  try {
    const reply = await fetch("/openapi.json", { headers: key ? { "X-API-Key": key } : {} });
    const body = await reply.json();
    if (!reply.ok) throw new Error(body.detail);
    entry.hidden = true;
    message.textContent = "";
    show(body, key);
  } catch (error) {
    message.textContent = error.message;
  }
}

if (document.body.dataset.key === "asked") {
  entry.hidden = false;
  entry.addEventListener("submit", (event) => {
    event.preventDefault();
    open(document.getElementById("key").value);
  });
} else {
  open("");
}
