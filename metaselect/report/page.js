"use strict";
(() => {
  const look = (box) => box.classList.toggle("scrolls", box.scrollWidth > box.clientWidth + 1);
  const seen = new ResizeObserver((entries) => requestAnimationFrame(() =>
    entries.forEach(({target}) => look(target.closest(".scroll")))));
  for (const box of document.querySelectorAll(".scroll")) {
    seen.observe(box);
    seen.observe(box.firstElementChild);
  }
})();
(async () => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const element = (id) => document.getElementById(id);
  const target = element("target"), study = element("study"), search = element("language"), list = element("languages");
  const status = element("ranking-status"), note = element("ranking-note");
  if (typeof DecompressionStream === "undefined") {
    note.textContent = "This browser is too old to choose here: the ranking shown is the first.";
    return;
  }
  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  };
  const told = JSON.parse(new TextDecoder().decode(await unpack(page.told))), {languages} = told;
  const [nTargets, nLanguages, nCandidates] =
    [page.targets.length, page.computed.length, page.candidates.length];
  const planes = async (text, scale) => {
    const bytes = new Uint8Array(await unpack(text)), half = bytes.length / 2;
    return (plane, at, language, candidate) => {
      const place = ((plane * nTargets + at) * nLanguages + language) * nCandidates + candidate;
      return scale * ((bytes[half + place] << 24 | bytes[place] << 16) >> 16);
    };
  };
  const number = await planes(page.numbers, page.scale);
  const chance = await planes(page.chances, page.chanceScale);
  const measured = new Map(told.measured.map((row) => [row.slice(0, 4).join(), row.slice(4)]));
  const points = (value) => {
    const shown = Math.abs(value * 100).toFixed(2);
    return (shown === "0.00" ? "+" : value < 0 ? "-" : "+") + shown;
  };
  const cell = (text, kind, tag = "td") => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (kind) made.className = kind;
    if (tag === "th") made.scope = "row";
    return made;
  };
  const row = (cells) => {
    const made = document.createElement("tr");
    made.append(...cells);
    return made;
  };
  const normal = (text) =>
    text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const searched = languages.map(([code, name, family]) =>
    ({code, name: normal(name), family: normal(family || "")}));
  const label = (at) => `${languages[at][1]} (${languages[at][0]})`;
  const history = page.groups.indexOf("history");
  const state = {study: 0, target: page.start[0],
    language: languages.findIndex(([code]) => code === page.computed[page.start[1]].code)};
  const plain = (value) => points(value).slice(1);
  const quoted = (name) => /^[\w.+-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;

  const cellOf = (language) => (state.study * nTargets + state.target) * nLanguages + language;
  // Candidates of a query, best first; a target is none for itself.
  function ranked(language) {
    const {name, widths} = page.targets[state.target], choice = told.choices[cellOf(language)];
    return page.candidates.map((candidate, at) => {
      const gain = number(state.study, state.target, language, at);
      const direct = candidate.name === page.direct, width = direct ? 0 : widths[at];
      const [seen, error, seeds] =
        measured.get([state.study, state.target, language, at].join()) || [];
      return {...candidate, at, gain, direct, seen, error, seeds, bounded: width !== null,
        low: gain - width, high: gain + width,
        chance: chance(state.study, state.target, language, at)};
    }).filter((one) => one.name !== name).sort((a, b) =>  // gains are rounded: the choice leads ties
      b.gain - a.gain || (b.at === choice) - (a.at === choice) || a.at - b.at);
  }
  // Why nothing is advised: the target's own runs score like a constant answer; else empty.
  const floor = () => told.texts[told.floors[state.study * nTargets + state.target]] || "";
  const standing = (one) => floor() || one.gain <= 0 ? 0 : one.bounded && one.low > 0 ? 2 : 1;
  const unclear = (one) => !one.bounded || (one.low <= 0 && one.high >= 0);
  const interval = (one) => one.direct ? "0 by definition" : !one.bounded ? "none possible" :
    `${points(one.low)} to ${points(one.high)}`;

  function part(kind, style) {
    const made = document.createElement("span");
    made.className = kind;
    Object.assign(made.style, style);
    return made;
  }
  function plot(one, low, high) {
    const at = (value) => `${100 * (value - low) / (high - low)}%`;
    const drawn = part("range", {}), made = cell("", "plot");
    drawn.setAttribute("aria-hidden", "true");
    drawn.append(part("zero", {left: at(0)}));
    if (one.bounded && !one.direct) {
      drawn.append(part("line", {left: at(one.low), right: `calc(100% - ${at(one.high)})`}));
    }
    if (!one.direct) drawn.append(part("dot", {left: at(one.gain)}));
    if (one.seen !== undefined) drawn.append(part("seen", {left: at(one.seen)}));
    made.append(drawn);
    return made;
  }
  function bar(one) {
    const made = cell("", "text");
    if (one.direct || one.chance < 0) return cell("–", "text");
    const filled = part("bar", {});
    filled.append(part("", {width: `${100 * one.chance}%`}));
    made.append(filled, `${Math.round(100 * one.chance)}%`);
    return made;
  }

  function showRanking() {
    const [code, name, , standIn] = languages[state.language];
    const chosen = page.targets[state.target], rows = ranked(standIn);
    const place = cellOf(standIn), reason = floor();
    const ends = rows.flatMap((one) =>
      [0, one.gain, one.seen ?? 0, ...(one.bounded ? [one.low, one.high] : [])]);
    const room = 0.04 * (Math.max(...ends) - Math.min(...ends)) || 0.01;
    const low = Math.min(...ends) - room, high = Math.max(...ends) + room;
    element("ranking").replaceChildren(...rows.map((one, rank) => {
      const head = cell(one.name, "text", "th");
      const made = row([
        cell(String(rank + 1)), head, plot(one, low, high), cell(points(one.gain)),
        cell(interval(one)), bar(one),
        cell(one.seen === undefined ? "" : points(one.seen) +
          (one.error === null ? "" : ` ± ${plain(one.error)}`) + ` (${one.seeds})`),
        cell(one.cost),
      ]);
      if (one.at === told.choices[place]) {
        made.className = "chosen";
        head.append(cell("choice", "mark", "span"));
      }
      if ((unclear(one) || reason) && !one.direct) made.classList.add("unclear");
      if (reason) {
        made.classList.add("floor");
        made.title = reason;
      }
      return made;
    }));
    const added = (one) =>
      number(state.study, state.target, standIn, one.at) - number(0, state.target, standIn, one.at);
    const usual = rows.reduce((sum, one) => sum + added(one), 0) / rows.length;
    element("reasons").replaceChildren(...rows.filter((one) => !one.direct).map((one) => row([
      cell(one.name, "text", "th"),
      ...page.groups.map((_, group) => cell(points(
        number(page.studies.length + group, state.target, standIn, one.at) +
        (group === history ? added(one) - usual : 0)))),
    ])));
    const encoder = state.study ? `, encoder ${study.options[state.study].text}` : "";
    status.replaceChildren(`${chosen.name} in ${label(state.language)}${encoder}:`,
      cell(told.answers[place], "", "strong"));
    element("interval").textContent = `Here: ${chosen.interval}.`;
    const found = [...told.by_cell[place], ...told.by_target[state.target], ...told.by_language[standIn]]
      .map((at) => told.texts[at]);
    const notes = [...new Set(reason ? [reason, ...found] : found)];
    if (rows.some((one) => !one.direct && one.chance >= 0 && Math.round(100 * one.chance) < 50 &&
        one.gain >= 5e-5)) notes.push(page.unlikely);
    const near = page.computed[standIn];
    if (near.code !== code) {
      const asked = state.study ? ` --study ${quoted(page.studies[state.study])}` : "";
      notes.unshift(`${name} has no gains of its own in this page. Shown are those of its nearest ` +
        `language that has, ${near.name} (${near.code}). For its own: metaselect rank ` +
        `${page.rank}${page.rank && " "}--target ${quoted(chosen.name)} --language ${code}${asked}`);
    }
    note.replaceChildren(...notes.map((text) => cell(text, "", "li")));
    note.hidden = !notes.length;
  }

  function showMap() {
    const best = page.computed.map((language, at) => ({language, ...ranked(at)[0]}));
    const dots = document.querySelectorAll("#world .role-mark:last-child path");
    best.filter(({language}) => language.placed).forEach((one, at) =>
      dots[at].setAttribute("fill", `var(--map${standing(one)})`));
    const gains = best.map(({gain}) => gain);
    const widths = best.filter((one) => one.bounded && !one.direct)
      .map((one) => one.gain - one.low).sort((a, b) => a - b);
    element("world-spread").textContent =
      `Its gain runs from ${points(Math.min(...gains))} to ${points(Math.max(...gains))} points` +
      (widths.length ? `; one gain is known to ± ${plain(widths[widths.length >> 1])}` : "") +
      (floor() ? `. Grey: ${floor()}.` : ". So colours follow the interval, not the gain.");
    best.sort((a, b) => b.gain - a.gain);
    element("world-table").replaceChildren(...best.map((one) => {
      const made = row([
        cell(`${one.language.name} (${one.language.code})`, "text", "th"), cell(one.name, "text"),
        cell(points(one.gain)), cell(interval(one)),
      ]);
      if (standing(one) < 2) made.className = "unclear";
      made.title = floor();
      return made;
    }));
    for (const place of document.querySelectorAll(".chosen-target")) {
      place.textContent = page.targets[state.target].name;
    }
  }

  function matches(text) {
    const asked = normal(text.trim());
    const score = ({code, name, family}) => !asked ? 4 : code === asked ? 0 : name === asked ? 1 :
      name.startsWith(asked) ? 2 : name.includes(asked) ? 3 : family.startsWith(asked) ? 4 : 9;
    return searched.map((entry, at) => [score(entry), at]).filter(([rank]) => rank < 9)
      .sort((a, b) => a[0] - b[0] || a[1] - b[1]).slice(0, 40).map(([, at]) => at);
  }

  let open = [], active = -1;
  function close() {
    list.hidden = true;
    search.setAttribute("aria-expanded", "false");
    search.removeAttribute("aria-activedescendant");
    element("language-count").textContent = `${languages.length} languages to choose from`;
  }
  function mark(place) {
    active = place;
    [...list.children].forEach((option, at) =>
      option.setAttribute("aria-selected", String(at === place)));
    if (place < 0 || !list.children[place]) return search.removeAttribute("aria-activedescendant");
    search.setAttribute("aria-activedescendant", list.children[place].id);
    list.children[place].scrollIntoView({block: "nearest"});
  }
  function suggest() {
    open = matches(search.value);
    list.replaceChildren(...open.map((at, place) => {
      const option = cell(label(at), "", "li");
      option.id = `language-${place}`;
      option.setAttribute("role", "option");
      option.addEventListener("mousedown", (event) => {
        event.preventDefault();
        choose(at);
      });
      return option;
    }));
    list.hidden = !open.length;
    search.setAttribute("aria-expanded", String(open.length > 0));
    element("language-count").textContent = open.length ? `${open.length} languages found` :
      `No language of that name or code; below is still ${languages[state.language][1]}`;
    mark(open.length && search.value.trim() ? 0 : -1);
  }
  function choose(at) {
    state.language = at;
    search.value = label(at);
    close();
    showRanking();
  }
  search.addEventListener("focus", () => search.select());
  search.addEventListener("input", suggest);
  search.addEventListener("click", () => { if (list.hidden) { search.select(); } });
  search.addEventListener("blur", () => {
    close();
    search.value = label(state.language);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) {
        if (search.value === label(state.language)) search.value = "";
        suggest();
        return;
      }
      const step = event.key === "ArrowDown" ? 1 : -1;
      mark((active + step + open.length) % open.length);
    } else if (event.key === "Enter" && !list.hidden && active >= 0) {
      event.preventDefault();
      choose(open[active]);
    } else if (event.key === "Escape") {
      close();
      search.value = label(state.language);
    }
  });
  target.addEventListener("change", () => {
    state.target = Number(target.value);
    showRanking();
    showMap();
  });
  if (study) {
    study.addEventListener("change", () => {
      state.study = Number(study.value);
      showRanking();
      showMap();
    });
    study.disabled = false;
  }
  target.disabled = search.disabled = false;
  search.value = label(state.language);
  showRanking();
  showMap();
  document.documentElement.dataset.ready = "true";
})();
