// Tables that can be sorted and filtered, and what a figure's marks say. Without it the page is whole.
"use strict";
(() => {
  const PAGE_ROWS = 50;
  const NEAR_PX = 12;

  const textOf = (html) => html.replace(/<[^>]*>/g, " ").trim();
  const natural = new Intl.Collator("en", { numeric: true }).compare;
  const ordered = (compare) => ({
    asc: (a, b) => blanksLast(a, b) ?? compare(a, b),
    desc: (a, b) => blanksLast(a, b) ?? compare(b, a),
  });
  function blanksLast(a, b) {
    return a === "" || b === "" ? (a === "") - (b === "") : undefined;
  }

  DataTable.ext.errMode = "throw";
  DataTable.type("words", { order: { pre: textOf, ...ordered(natural) }, search: textOf });
  DataTable.type("number", { order: ordered((a, b) => (+a < +b ? -1 : +(+a > +b))), search: textOf });

  function enrich(table) {
    const region = table.closest(".scroll");
    const paged = table.tBodies[0].rows.length > PAGE_ROWS;
    const shown = new DataTable(table, {
      autoWidth: false,
      layout: { topStart: "search", topEnd: "info", bottomStart: null, bottomEnd: paged ? "paging" : null },
      language: {
        search: "Filter",
        entries: { 1: "row", _: "rows" },
        info: paged ? "_START_ to _END_ of _TOTAL_ _ENTRIES-TOTAL_" : "_TOTAL_ _ENTRIES-TOTAL_",
        infoEmpty: "no row",
        infoFiltered: "(of _MAX_)",
        zeroRecords: "No row has all of these words.",
        emptyTable: "No row.",
      },
      order: [],
      orderClasses: false,
      pageLength: PAGE_ROWS,
      paging: paged,
      typeDetect: false,
    });
    // Only the table scrolls sideways, not its controls.
    for (const name of ["tabindex", "role", "aria-label"]) {
      table.parentElement.setAttribute(name, region.getAttribute(name));
      region.removeAttribute(name);
    }
    return shown;
  }

  let tables = [];
  try {
    tables = Array.from(document.querySelectorAll("table.data"), enrich);
  } finally {
    document.documentElement.classList.remove("settling");
  }
  const paged = tables.filter((table) => table.page.info().pages > 1);
  addEventListener("beforeprint", () => {
    for (const table of paged) table.page.len(-1).draw();
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      details.dataset.printed = "";
    }
  });
  addEventListener("afterprint", () => {
    for (const table of paged) table.page.len(PAGE_ROWS).draw();
    for (const details of document.querySelectorAll("details[data-printed]")) {
      details.open = false;
      delete details.dataset.printed;
    }
  });

  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);

  for (const title of document.querySelectorAll("svg title")) {
    title.parentElement.dataset.tip = title.textContent;
    title.remove();
  }

  function tell(mark) {
    if (!mark) {
      tip.hidden = true;
      return;
    }
    const { computePosition, flip, offset, shift } = FloatingUIDOM;
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const middleware = [offset(8), flip(), shift({ padding: 8 })];
    computePosition(mark, tip, { strategy: "fixed", placement: "top", middleware }).then(({ x, y }) => {
      tip.style.transform = `translate(${x}px, ${y}px)`;
    });
  }

  function markAt({ target, clientX, clientY }) {
    const met = target.closest?.("[data-tip]");
    const drawing = target.closest?.("figure svg");
    if (met || !drawing) return met;
    let nearest = null;
    let least = NEAR_PX;
    for (const mark of drawing.querySelectorAll("[data-tip]")) {
      const box = mark.getBoundingClientRect();
      const distance = Math.hypot(clientX - box.x - box.width / 2, clientY - box.y - box.height / 2);
      if (distance < least) [nearest, least] = [mark, distance];
    }
    return nearest;
  }

  document.addEventListener("pointermove", (event) => event.pointerType === "mouse" && tell(markAt(event)));
  document.addEventListener("click", (event) => tell(markAt(event)));
  document.addEventListener("scroll", () => tell(null), true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && tell(null));
})();
