// What the tests ask of a page that is laid out: each function looks, changes nothing, and returns plain data.

const seen = (element) =>
  element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
  [...element.getClientRects()].some((box) => box.width > 1 && box.height > 1);

const words = (text) => text.replace(/\s+/g, " ").trim();

const place = (element) => {
  const section = element.closest("figure[data-figure], section[id], header, footer, nav");
  const where = section?.dataset.figure ?? section?.id ?? section?.tagName.toLowerCase() ?? "body";
  return `${where}: ${element.tagName.toLowerCase()}: ${words(element.textContent).slice(0, 60)}`;
};

/* Every element that itself holds text, outside what only a screen reader meets. */
const texts = () => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (words(walker.currentNode.data) && !parent.closest("script, style, noscript, title, desc")) found.add(parent);
  }
  return [...found].filter(seen);
};

// Colours: [red, green, blue, alpha], 0 to 1 each.

const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
const brush = canvas.getContext("2d", { willReadFrequently: true });
const known = new Map();

const rgba = (colour) => {
  if (!known.has(colour)) {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = "#000";
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    known.set(colour, [...brush.getImageData(0, 0, 1, 1).data].map((part) => part / 255));
  }
  return known.get(colour);
};

const over = (above, below) =>
  [0, 1, 2].map((part) => above[part] * above[3] + below[part] * (1 - above[3])).concat(1);

const faded = (colour, opacity) => [...colour.slice(0, 3), colour[3] * opacity];

/* Relative luminance and contrast ratio: WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
const luminance = (colour) => {
  const [red, green, blue] = colour.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

const ratio = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};

const opacity = (element) => {
  let product = 1;
  for (let each = element; each; each = each.parentElement) product *= getComputedStyle(each).opacity;
  return product;
};

/* What an element is painted on: the colours of it and its ancestors, the nearest on top, on the browser's own paper. */
const paper = (element) => {
  const layers = [];
  for (let each = element; each; each = each.parentElement) layers.push(rgba(getComputedStyle(each).backgroundColor));
  const bare = document.body.appendChild(document.createElement("div"));
  bare.style.background = "Canvas";
  layers.push(rgba(getComputedStyle(bare).backgroundColor));
  bare.remove();
  return layers.reverse().reduce((below, above) => over(above, below));
};

const SHAPES = "path, rect, circle, ellipse, polygon";

/* The colours a shape is filled with; those of a pattern are the colours of what it repeats. */
const fills = (shape) => {
  const style = getComputedStyle(shape);
  const through = style.fillOpacity * opacity(shape);
  const pattern = style.fill.match(/url\("?#([^")]+)/);
  if (!pattern) return style.fill === "none" ? [] : [faded(rgba(style.fill), through)];
  const inside = [...(document.getElementById(pattern[1])?.querySelectorAll(SHAPES) ?? [])];
  return inside.flatMap((each) => {
    const own = getComputedStyle(each);
    return [own.fill, own.stroke].filter((colour) => colour !== "none").map((colour) => faded(rgba(colour), through));
  });
};

/* The colours that lie below a text of a drawing, at its middle and near both its ends. */
const below = (text, shapes) => {
  const box = text.getBoundingClientRect();
  const upright = box.height > box.width;
  const points = [0.1, 0.5, 0.9].map((part) =>
    upright
      ? new DOMPoint(box.x + box.width / 2, box.y + part * box.height)
      : new DOMPoint(box.x + part * box.width, box.y + box.height / 2),
  );
  return points.flatMap((point) => {
    let colours = [paper(text.ownerSVGElement)];
    for (const { shape, area } of shapes) {
      if (!(shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING)) break;
      if (point.x < area.left || point.x > area.right || point.y < area.top || point.y > area.bottom) continue;
      if (!shape.isPointInFill(point.matrixTransform(shape.getScreenCTM().inverse()))) continue;
      const painted = fills(shape);
      if (painted.length) colours = painted.flatMap((above) => colours.map((colour) => over(above, colour)));
    }
    return colours;
  });
};

/* Texts whose contrast to what they stand on is less than `least`, each with its ratio. */
function faint(least) {
  const shapes = new Map();
  for (const svg of document.querySelectorAll("svg")) {
    const drawn = [...svg.querySelectorAll(SHAPES)].filter((shape) => !shape.closest("defs, clipPath, pattern"));
    shapes.set(svg, drawn.map((shape) => ({ shape, area: shape.getBoundingClientRect() })));
  }
  const found = [];
  for (const element of texts()) {
    const svg = element.closest("svg");
    const style = getComputedStyle(element);
    const ink = faded(rgba(svg ? style.fill : style.color), opacity(element));
    const grounds = svg ? below(element, shapes.get(svg)) : [paper(element)];
    const worst = Math.min(...grounds.map((ground) => ratio(over(ink, ground), ground)));
    if (worst < least) found.push(`${worst.toFixed(2)}: ${place(element)}`);
  }
  return found;
}

/* How far the page reaches beyond its window to the right, in CSS pixels, and what does. */
function wide() {
  const width = document.documentElement.clientWidth;
  const beyond = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - width;
  const scrolled = (element) => {
    for (let each = element.parentElement; each && each !== document.body; each = each.parentElement)
      if (getComputedStyle(each).overflowX !== "visible") return true;
    return false;
  };
  const reaching = [...document.body.querySelectorAll("*")].filter(
    (element) => seen(element) && element.getBoundingClientRect().right > width + 1 && !scrolled(element),
  );
  return { beyond, reaching: reaching.map(place).slice(0, 5) };
}

/* Texts that are not wholly there: cut off by their box, or by the edge of their drawing. */
function cut() {
  const found = [];
  for (const element of texts()) {
    const svg = element.closest("svg");
    if (svg) {
      const [box, edge] = [element.getBoundingClientRect(), svg.getBoundingClientRect()];
      const beyond = Math.max(edge.left - box.left, box.right - edge.right, edge.top - box.top, box.bottom - edge.bottom);
      if (beyond > 1) found.push(`${beyond.toFixed(0)} px: ${place(element)}`);
      continue;
    }
    const style = getComputedStyle(element);
    const hides = ["hidden", "clip"].includes(style.overflowX) || ["hidden", "clip"].includes(style.overflowY);
    if (hides && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1))
      found.push(place(element));
  }
  return found;
}

/* Pairs of a drawing's level or upright texts that cover more than `share` of the smaller one. */
function colliding(share) {
  const found = [];
  for (const svg of document.querySelectorAll("figure svg")) {
    const boxes = [...svg.querySelectorAll("text")].filter(seen).flatMap((text) => {
      const turned = text.getScreenCTM();
      const slanted = Math.abs(turned.a) > 1e-6 && Math.abs(turned.b) > 1e-6;
      const { x, y, width, height } = text.getBoundingClientRect();
      const low = width < height ? 0 : height / 5; // a line's box is higher than its letters
      const thin = width < height ? width / 5 : 0;
      return slanted ? [] : [{ text, x: x + thin, y: y + low, width: width - 2 * thin, height: height - 2 * low }];
    });
    for (const [index, one] of boxes.entries())
      for (const other of boxes.slice(index + 1)) {
        const across = Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x);
        const down = Math.min(one.y + one.height, other.y + other.height) - Math.max(one.y, other.y);
        const least = Math.min(one.width * one.height, other.width * other.height);
        if (across > 0 && down > 0 && across * down > share * least)
          found.push(`${place(one.text)} ~ ${words(other.text.textContent)}`);
      }
  }
  return found;
}

// What a screen reader is told. The rules are those of WCAG 2.2, level A, as far as these pages can break them.

/* What an element is called: by aria-labelledby, aria-label, a label, an image's alt, or its own text. */
const named = (element) => {
  const ids = (element.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean);
  const labels = [...ids.map((id) => document.getElementById(id)), ...(element.labels ?? [])];
  const said = [element.getAttribute("aria-label"), element.alt, ...labels.map((each) => each?.textContent)];
  return words([...said, element.matches("a, button, summary") ? element.textContent : ""].join(" "));
};

const headings = () => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((each) => Number(each.tagName[1]));

/* What keeps someone from finding their way by ear or by keyboard, a line each. */
function faults() {
  const found = [];
  const every = (selector, well, what) =>
    document.querySelectorAll(selector).forEach((element) => {
      if (!well(element)) found.push(`${what}: ${place(element)}`);
    });
  const once = (selector) => document.querySelectorAll(selector).length === 1 || found.push(`not one ${selector}`);
  ["html[lang]", "title:not(svg title)", "main", "h1"].forEach(once);
  headings().forEach((level, index, all) => {
    if (level > (index ? all[index - 1] : 0) + 1) found.push(`h${level} after h${all[index - 1]}`);
  });
  every("img, svg, input, select, textarea, a, button, summary, nav, [role=region], table", named, "without a name");
  every("svg", (each) => each.getAttribute("role") === "img", "no image");
  every("th", (each) => each.scope && words(each.textContent), "header of nothing");
  every("table", (each) => each.tHead && each.rows.length > 1, "table without a header or a row");
  every("section", (each) => each.querySelector("h2"), "section without a heading");
  every("[tabindex]", (each) => each.tabIndex <= 0, "out of order");
  every("[id]", (each) => document.querySelectorAll(`#${CSS.escape(each.id)}`).length === 1, "id of several");
  every('a[href^="#"]', (each) => document.getElementById(each.hash.slice(1)), "leads nowhere");
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls"])
    every(
      `[${attribute}]`,
      (each) => each.getAttribute(attribute).split(" ").every((id) => document.getElementById(id)),
      `${attribute} of nothing`,
    );
  every(
    "body *",
    (each) =>
      each.scrollWidth <= each.clientWidth + 1 ||
      !["auto", "scroll"].includes(getComputedStyle(each).overflowX) ||
      each.tabIndex === 0 ||
      each.querySelector("a, button, input"),
    "scrolls, but not by keyboard",
  );
  return found;
}

/* The element that has the keyboard: what it is, whether it is seen and marked, and where it comes in the page. */
function focused() {
  const element = document.activeElement;
  if (element === document.body) return null;
  const style = getComputedStyle(element);
  const { right, bottom, width, height } = element.getBoundingClientRect();
  return {
    what: place(element),
    order: [...document.querySelectorAll("*")].indexOf(element),
    marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1,
    shown: width > 1 && height > 1 && right > 0 && bottom > 0,
  };
}

// Tables, figures and what the page says.

/* Of each table that can be sorted: its name, its columns with their types, and its number of rows. */
function tables() {
  return [...document.querySelectorAll("table.data")].map((table) => ({
    name: named(table),
    types: [...table.tHead.rows[0].cells].map((cell) => cell.dataset.type),
    rows: table.tBodies[0].rows.length,
  }));
}

/* Neighbours in a column of the n-th table that stand the wrong way round: the exact value tells, else the words. */
function disorder(number, index, direction) {
  const rows = [...document.querySelectorAll("table.data")[number].tBodies[0].rows];
  const cells = rows.map((row) => row.cells[index]);
  const keys = cells.map((cell) => cell.dataset.order ?? words(cell.innerText));
  const people = new Intl.Collator("en", { numeric: true });
  const compare = cells[0].dataset.order === undefined ? people.compare : (one, other) => one - other;
  const wrong = (one, other) =>
    one === "" ? other !== "" : other !== "" && compare(one, other) * (direction === "ascending" ? 1 : -1) > 0;
  return keys.slice(1).flatMap((key, place) => (wrong(keys[place], key) ? [`${keys[place]} before ${key}`] : []));
}

/* Of each figure: its name, what each of its marks tells, which of them lie `apart_px` from all others, and whether the
   drawing says that there is nothing to draw. */
function marks(apart_px) {
  return [...document.querySelectorAll("figure[data-figure]")].map((figure) => {
    const all = [...figure.querySelectorAll("svg [data-tip]")];
    const middles = all.map((mark) => {
      const { x, y, width, height } = mark.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    });
    const near = (one, other) => Math.hypot(one.x - other.x, one.y - other.y) < apart_px;
    const alone = (middle) => middles.filter((other) => near(middle, other)).length === 1;
    return {
      name: figure.dataset.figure,
      tips: all.map((mark) => mark.dataset.tip),
      apart: middles.flatMap((middle, index) => (alone(middle) ? [index] : [])),
      empty: words(figure.querySelector("svg").textContent).includes("no data"),
    };
  });
}

/* The middle of a mark, brought to the middle of the window. */
function brought(name, index) {
  const mark = document.querySelectorAll(`figure[data-figure="${name}"] svg [data-tip]`)[index];
  mark.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
  const middle = () => {
    const { x, y, width, height } = mark.getBoundingClientRect();
    return { x: x + width / 2, y: y + height / 2 };
  };
  // What follows scrolling, such as hiding what was shown, comes with the next frame.
  return new Promise((told) => requestAnimationFrame(() => requestAnimationFrame(() => told(middle()))));
}
