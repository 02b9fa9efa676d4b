// A click on the header of a column sorts a table: by number if cells begin with a number,
// otherwise by text. Without scripts, tables keep their original order.
document.addEventListener("DOMContentLoaded", () => {
  const value = (row, k) => row.cells[k].textContent.trim();
  const order = (a, b) => {
    const x = parseFloat(a), y = parseFloat(b);
    if (!isNaN(x) && !isNaN(y)) return x - y;
    if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;
    return a.localeCompare(b);
  };
  for (const table of document.querySelectorAll(".sortable table, table.sortable")) {
    // A value and its interval stay on one line, which keeps rows low and the page short.
    for (const cell of table.tBodies[0].querySelectorAll("td"))
      if (/^-?[\d.]+ \[[^\]]*\]$/.test(cell.textContent.trim())) cell.style.whiteSpace = "nowrap";
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].sort((a, b) => order(value(a, k), value(b, k)));
        body.append(...(down ? rows.reverse() : rows));
      });
    });
  }
});
