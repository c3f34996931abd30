// Follows an attempt to connect and shows times as the reader's clock has them. The pages work without it.
"use strict";

for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  time.textContent = "clock" in time.dataset
    ? moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

const progress = document.getElementById("progress");
if (progress) {
  document.getElementById("check").hidden = true;
  const events = new EventSource("/connect/events");
  events.onmessage = (event) => {
    if (event.data === "waiting") {
      progress.textContent = "Waiting for you to approve at AWS. This page goes on by itself.";
      return;
    }
    events.close();
    window.location.replace("/connect?check=1");
  };
}

for (const box of document.querySelectorAll("[data-all-of]")) {
  const others = document.querySelectorAll(`#${box.dataset.allOf} input[name=role]`);
  const follow = () => {
    const chosen = [...others].filter((other) => other.checked).length;
    box.checked = chosen === others.length;
    box.indeterminate = chosen > 0 && chosen < others.length;
  };
  box.closest("p").hidden = false;
  box.addEventListener("change", () => others.forEach((other) => { other.checked = box.checked; }));
  others.forEach((other) => other.addEventListener("change", follow));
  follow();
}
