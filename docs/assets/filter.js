// A box above a table that hides the rows without what is typed, and a button for each kind (its second column).
const addFilters = () => {
  for (const bar of document.querySelectorAll(".filter")) {
    const table = bar.parentElement.querySelector("table");
    if (!table || bar.childElementCount) continue;
    const rows = [...table.tBodies[0].rows];
    const box = document.createElement("input");
    box.type = "search";
    box.placeholder = "name, word, recipe, package";
    box.setAttribute("aria-label", "Show only components with this");
    const kinds = ["all", ...new Set(rows.map((row) => row.cells[1].textContent))];
    const buttons = kinds.map((kind) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = kind;
      button.setAttribute("aria-pressed", String(kind === "all"));
      button.onclick = () => {
        buttons.forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
        show();
      };
      return button;
    });
    const count = document.createElement("output");
    const show = () => {
      const kind = buttons.find((one) => one.getAttribute("aria-pressed") === "true").textContent;
      const words = box.value.toLowerCase().split(/\s+/);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const fits = (kind === "all" || row.cells[1].textContent === kind) && words.every((one) => text.includes(one));
        row.hidden = !fits;
        shown += fits;
      }
      count.textContent = `${shown} of ${rows.length}`;
    };
    box.oninput = show;
    bar.append(box, ...buttons, count);
    show();
  }
};
document$.subscribe(addFilters);
if (location.protocol === "file:") addFilters(); // there the theme never says that the page is ready
