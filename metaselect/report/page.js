"use strict";
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
  const languages = JSON.parse(new TextDecoder().decode(await unpack(page.languages)));
  const bytes = new Uint8Array(await unpack(page.numbers)), half = bytes.length / 2;
  const [nTargets, nLanguages, nCandidates] =
    [page.targets.length, page.computed.length, page.candidates.length];
  const number = (plane, at, language, candidate) => {
    const place = ((plane * nTargets + at) * nLanguages + language) * nCandidates + candidate;
    return page.scale * ((bytes[half + place] << 24 | bytes[place] << 16) >> 16);
  };
  const points = (value) => {
    const shown = Math.abs(value * 100).toFixed(2);
    return (shown === "0.00" ? "+" : value < 0 ? "-" : "+") + shown;
  };
  const bin = (value, edges) => "bin" + edges.filter((edge) => value >= edge).length;
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
  const state = {target: 0, study: 0, language: languages.findIndex(([code]) => code === page.language)};

  function gainsOf(at, language) {
    const plane = state.study && page.groups.length + state.study;  // 0: no study in particular
    const added = page.candidates.map((_, candidate) =>
      plane ? number(plane, at, language, candidate) : 0);
    const gains = added.map((more, candidate) => number(0, at, language, candidate) + more);
    const order = [...gains.keys()].sort((a, b) => gains[b] - gains[a] || a - b);
    const usual = added.reduce((sum, more) => sum + more, 0) / added.length;
    return {gains, order, shifted: added.map((more) => more - usual)};
  }

  function showRanking() {
    const [code, name, , standIn] = languages[state.language];
    const chosen = page.targets[state.target];
    const {gains, order, shifted} = gainsOf(state.target, standIn);
    element("ranking").replaceChildren(...order.map((candidate, place) => {
      const {name: task, cost} = page.candidates[candidate];
      const direct = task === page.direct, gain = gains[candidate];
      const interval = direct ? "0 by definition" : chosen.widths[candidate] === null ? "none possible" :
        `${points(gain - chosen.widths[candidate])} to ${points(gain + chosen.widths[candidate])}`;
      const made = row([
        cell(String(place + 1)), cell(task, "text", "th"), cell(points(gain), bin(gain, page.edges)),
        cell(interval), cell(cost),
        ...page.groups.map((_, group) => {
          const reason = number(group + 1, state.target, standIn, candidate) +
            (group === history ? shifted[candidate] : 0);
          return direct ? cell("–") : cell(points(reason), bin(reason, page.edges));
        }),
      ]);
      if (!place) made.className = "first";
      return made;
    }));
    const best = page.candidates[order[0]].name;
    const encoder = state.study ? ` with ${study.options[state.study].text}` : "";
    status.textContent = `${chosen.name} in ${label(state.language)}${encoder}: ` + (best === page.direct ?
      "train directly, no intermediate is expected to help." :
      `fine-tune first on ${best}, expected gain ${points(gains[order[0]])} points.`);
    const command = `metaselect rank --target ${chosen.name} --language ${code}` +
      (state.study ? ` --study '${page.studies[state.study - 1]}'` : "");
    const own = page.computed[standIn] === code;
    const found = chosen.notes.filter((words) => !state.study || !words.startsWith("averaged over "));
    if (!own) {
      const near = languages.findIndex((entry) => entry[0] === page.computed[standIn]);
      found.push(`${name} has no gains of its own in this page: shown are those of its nearest ` +
        `language that has, ${label(near)}. For its own: ${command}`);
    } else if (!page.seen.includes(code)) {
      found.push(`no training run in ${name}: extrapolated`);
    }
    note.replaceChildren(...found.map((text) => cell(text, "", "li")));
  }

  function mapSteps(gains) {
    const low = Math.min(...gains), high = Math.max(...gains);
    return [1, 2, 3, 4, 5, 6].map((step) => low + step * (high - low) / 7);
  }

  function showMap() {
    const dots = document.querySelectorAll("#world .role-mark:last-child path");
    const best = page.computed.map((_, language) => {
      const {gains, order} = gainsOf(state.target, language);
      return {language, candidate: order[0], gain: gains[order[0]]};
    });
    const steps = mapSteps(best.map(({gain}) => gain));
    best.filter(({language}) => page.placed[language]).forEach(({gain}, at) => {
      const colour = steps.filter((edge) => gain >= edge).length;
      dots[at].setAttribute("fill", `var(--step${colour})`);
    });
    document.querySelectorAll("#world-legend b").forEach((words, at) => {
      words.textContent = at === 0 ? `below ${points(steps[0])}` : at === steps.length ?
        `${points(steps[at - 1])} and more` : `${points(steps[at - 1])} to ${points(steps[at])}`;
    });
    best.sort((a, b) => b.gain - a.gain);
    element("world-table").replaceChildren(...best.map(({language, candidate, gain}) => row([
      cell(`${page.names[language]} (${page.computed[language]})`, "text", "th"),
      cell(page.candidates[candidate].name, "text"), cell(points(gain), bin(gain, page.edges)),
    ])));
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
      "No language of that name or code";
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
  document.documentElement.dataset.ready = "true";
})();
