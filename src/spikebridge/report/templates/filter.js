"use strict";
// Without this script the page is complete: it only hides rows and figures of other recordings and models.
const form = document.getElementById("filter");
if (form) {
  const apply = () => {
    const wanted = { recording: form.elements.recording.value, model: form.elements.model.value };
    let hidden = 0;
    for (const part of document.querySelectorAll("[data-recording], [data-model]")) {
      const off = ["recording", "model"].some(
        (key) => wanted[key] && part.dataset[key] !== undefined && part.dataset[key] !== wanted[key],
      );
      part.classList.toggle("filtered", off);
      hidden += off;
    }
    form.querySelector("output").textContent = hidden ? `${hidden} rows and figures hidden` : "";
  };
  form.hidden = false;
  form.addEventListener("change", apply);
  apply(); // browsers keep a choice over a reload
}
