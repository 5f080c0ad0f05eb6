"use strict";
// Without this script the page is complete: it only hides rows and figures of other recordings and models, and
// enlarges examples.
const form = document.getElementById("filter");
if (form) {
  const keys = ["recording", "model"].filter((key) => form.elements[key]);
  const apply = () => {
    let hidden = 0;
    for (const part of document.querySelectorAll("[data-recording], [data-model]")) {
      const off = keys.some((key) => {
        const wanted = form.elements[key].value;
        return wanted && part.dataset[key] !== undefined && part.dataset[key] !== wanted;
      });
      part.classList.toggle("filtered", off);
      hidden += off;
    }
    for (const table of document.querySelectorAll(".table")) {
      const rows = [...table.querySelectorAll("tbody tr")];
      table.classList.toggle("emptied", rows.length > 0 && rows.every((row) => row.classList.contains("filtered")));
    }
    for (const more of document.querySelectorAll("details.more")) {
      const wanted = form.elements.recording?.value;
      if (wanted && [...more.querySelectorAll("figure")].some((f) => f.dataset.recording === wanted)) more.open = true;
    }
    form.querySelector("output").textContent = hidden ? `${hidden} rows and figures hidden` : "";
  };
  form.hidden = false;
  form.addEventListener("change", apply);
  apply(); // browsers keep a choice over a reload
}
for (const button of document.querySelectorAll(".example button")) {
  button.addEventListener("click", () => {
    const large = button.parentElement.classList.toggle("large");
    button.setAttribute("aria-pressed", String(large));
  });
}
