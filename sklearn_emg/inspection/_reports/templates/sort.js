// This script makes the headers buttons, so that there are no useless buttons if it does not run.
"use strict";
const announcement = document.getElementById("sorted");
function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.sort === undefined ? cell.textContent.trim() : Number(cell.dataset.sort);
}
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const numbers = table.tBodies[0].rows[0].cells[column].dataset.sort !== undefined;
      const before = header.getAttribute("aria-sort");
      const first = numbers ? "descending" : "ascending";
      const other = numbers ? "ascending" : "descending";
      const order = before === first ? other : first;
      for (const h of headers) h.setAttribute("aria-sort", "none");
      header.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
      // Missing numbers stay at the bottom in either order.
      const missing = (k) => Number(typeof k === "number" && Number.isNaN(k));
      rows.sort(([a], [b]) => missing(a) - missing(b) || (missing(a) ? 0 : sign * compare(a, b)));
      table.tBodies[0].append(...rows.map(([, row]) => row));
      announcement.textContent = `Sorted by ${button.textContent}, ${order}.`;
    });
  });
}
// A table that is wider than its frame gets a hint, also after a change of size or an opened part.
function hint() {
  for (const frame of document.querySelectorAll(".scroll"))
    frame.classList.toggle("wide", frame.scrollWidth > frame.clientWidth + 1);
}
addEventListener("resize", hint);
document.addEventListener("toggle", hint, true);
hint();
