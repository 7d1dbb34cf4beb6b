// every table of rows: sorted by a click on a heading, and given as CSV
document.addEventListener("DOMContentLoaded", () => {
  const text = (cell) => cell.textContent.trim();
  const number = (words) => parseFloat(words.replaceAll("−", "-"));
  const compared = (a, b) => {
    const [x, y] = [number(a), number(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) === Number.isNaN(y) ? a.localeCompare(b) : Number.isNaN(x) ? 1 : -1;
    return x - y;
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
        const down = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].sort((a, b) => compared(text(a.cells[column]), text(b.cells[column])));
        body.append(...(down ? rows.reverse() : rows));
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
