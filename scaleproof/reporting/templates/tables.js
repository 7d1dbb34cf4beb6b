// every table of rows: sorted by a click on a heading, and given as CSV
document.addEventListener("DOMContentLoaded", () => {
  const text = (cell) => cell.textContent.trim();
  const number = (words) => parseFloat(words.replaceAll("−", "-")) / (words.endsWith("%") ? 100 : 1);
  // numbers before words, and what is empty or a word after them whichever way
  const compared = (a, b, way) => {
    const [x, y] = [number(a), number(b)];
    if (!a || !b || Number.isNaN(x) !== Number.isNaN(y)) return (!a - !b) || (Number.isNaN(x) - Number.isNaN(y));
    return way * (Number.isNaN(x) ? a.localeCompare(b) : x - y);
  };
  const quoted = (words) => '"' + words.replaceAll('"', '""') + '"';
  const button = (words, style, pressed) => {
    const made = Object.assign(document.createElement("button"), { type: "button", className: style });
    made.append(...words);
    made.addEventListener("click", pressed);
    return made;
  };
  document.querySelectorAll("table").forEach((table, place) => {
    const [body] = table.tBodies;
    if (!table.tHead || !body || body.rows.length < 2) return;
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      heading.append(button([...heading.childNodes], "sort", () => {
        const way = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", way < 0 ? "descending" : "ascending");
        body.append(...[...body.rows].sort((a, b) => compared(text(a.cells[column]), text(b.cells[column]), way)));
      }));
    });
    const name = (table.closest("[id]")?.id || "report") + "-" + (place + 1) + ".csv";
    table.after(button(["CSV"], "csv", () => {
      const lines = [...table.rows].map((row) => [...row.cells].map((cell) => quoted(text(cell))).join(","));
      const link = Object.assign(document.createElement("a"), { download: name });
      link.href = URL.createObjectURL(new Blob([lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
      link.click();
      URL.revokeObjectURL(link.href);
    }));
  });
});
