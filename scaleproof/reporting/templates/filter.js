document.addEventListener("DOMContentLoaded", () => {
  const claims = [...document.querySelectorAll(".claim")];
  const bar = document.createElement("form");
  bar.id = "filter";
  bar.setAttribute("role", "search");
  bar.setAttribute("aria-label", "Filter claims");
  bar.addEventListener("submit", (event) => event.preventDefault());
  const labelled = (words, field, event) => {
    const label = document.createElement("label");
    label.append(words + " ", field);
    bar.append(label);
    field.addEventListener(event, update);
    return field;
  };
  const search = labelled("search", Object.assign(document.createElement("input"), { type: "search", name: "search" }), "input");
  // a claim has one verdict and one family, and several kinds of evidence
  const chosen = ["verdict", "family", "evidence"].map((key) => {
    const select = document.createElement("select");
    select.name = key;
    const values = new Set(claims.flatMap((c) => c.dataset[key].split(" ").filter(Boolean)));
    for (const value of ["all", ...values]) select.add(new Option(value.replaceAll("_", " "), value));
    return labelled(key, select, "change");
  });
  const count = document.createElement("output");
  bar.append(count);
  const texts = claims.map((c) => c.textContent.toLowerCase());
  function update() {
    const words = search.value.toLowerCase().split(/\s+/);
    let shown = 0;
    claims.forEach((claim, k) => {
      const fits = chosen.every((s) => s.value === "all" || claim.dataset[s.name].split(" ").includes(s.value));
      claim.hidden = !(fits && words.every((word) => texts[k].includes(word)));
      shown += claim.hidden ? 0 : 1;
    });
    count.value = shown + " of " + claims.length + " claims";
  }
  document.querySelector("h1").after(bar);
  update();
});
