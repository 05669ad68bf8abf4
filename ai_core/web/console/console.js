// What the pages of the desk do with a script. Everything works without it, more plainly.

const POLL_MS = 1500;

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.innerText.trim());
    button.textContent = button.dataset.copied;
  });
}

// A form is sent once; what takes long says so.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const busy = event.submitter?.dataset.busy;
    if (busy) {
      event.submitter.textContent = busy;
      event.submitter.setAttribute("aria-busy", "true");
    }
  });
}

// Coming back to a page that the browser kept: its forms may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

const progress = document.getElementById("progress");

async function follow() {
  const response = await fetch("/console/law/progress", { headers: { Accept: "application/json" } });
  if (!response.ok || response.redirected) return;
  const told = await response.json();
  document.getElementById("progress-sentence").textContent = told.sentence;
  const lines = document.getElementById("progress-lines");
  lines.textContent = told.lines.join("\n");
  lines.scrollTop = lines.scrollHeight;
  if (told.state === "running") setTimeout(follow, POLL_MS);
  else location.replace("/console/law");
}

if (progress?.dataset.state === "running") setTimeout(follow, POLL_MS);
