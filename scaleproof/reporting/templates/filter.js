document.addEventListener("DOMContentLoaded", () => {
  const claims = [...document.querySelectorAll(".claim")];
  const bar = document.createElement("form");
  bar.id = "filter";
  bar.setAttribute("aria-label", "Filter claims");
  const choice = (key) => {
    const label = document.createElement("label");
    const select = document.createElement("select");
    select.name = key;
    const values = ["all", ...new Set(claims.map((c) => c.dataset[key]))];
    for (const value of values) select.add(new Option(value, value));
    label.append(key + " ", select);
    bar.append(label);
    select.addEventListener("change", update);
    return select;
  };
  const verdict = choice("verdict");
  const family = choice("family");
  const count = document.createElement("output");
  bar.append(count);
  function update() {
    let shown = 0;
    for (const claim of claims) {
      const fits = (s, key) => s.value === "all" || s.value === claim.dataset[key];
      claim.hidden = !(fits(verdict, "verdict") && fits(family, "family"));
      shown += claim.hidden ? 0 : 1;
    }
    count.value = shown + " of " + claims.length + " claims";
  }
  document.querySelector("h1").after(bar);
  update();
});
