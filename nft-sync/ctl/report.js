// SPDX-License-Identifier: GPL-2.0-or-later
// Shows, hides and moves about in what is on the page. Says nothing about packets by itself.
"use strict";
(() => {
	const matrix = document.getElementById("matrix");
	const filter = document.getElementById("filter");
	const detail = document.getElementById("detail");
	const shown = document.getElementById("shown");
	const columns = [...matrix.tHead.rows[0].cells].slice(1);
	const rows = [...matrix.tBodies[0].rows];
	const lines = [...document.querySelectorAll(".list tbody tr")];
	let at = null;

	const words = text => text.toLowerCase().split(/\s+/).filter(Boolean);
	const fits = (text, wanted) => wanted.every(word => text.toLowerCase().includes(word));
	const cell = (row, column) => rows[row].cells[column + 1];
	const place = td => [rows.indexOf(td.parentNode), td.cellIndex - 1];

	function apply() {
		const [from, to] = filter.value.split(">").map(words);
		const hide = columns.map(th => !fits(th.dataset.w, to || []));
		columns.forEach((th, i) => { th.hidden = hide[i]; });
		rows.forEach(tr => {
			tr.hidden = !fits(tr.cells[0].dataset.w, from);
			hide.forEach((hidden, i) => { tr.cells[i + 1].hidden = hidden; });
		});
		const wanted = from.length ? from : to || [];
		lines.forEach(tr => { tr.hidden = !fits(tr.textContent, wanted); });
		const count = rows.filter(tr => !tr.hidden).length;
		shown.textContent = filter.value.trim()
			? `${count} of ${rows.length} rows, ` +
			  `${hide.filter(hidden => !hidden).length} of ${columns.length} columns`
			: "";
		history.replaceState(null, "", filter.value.trim()
			? "#filter=" + encodeURIComponent(filter.value) : "#");
		if (at && (at.hidden || at.parentNode.hidden))
			leave();
		rove();
	}

	// Tab goes to one cell of the matrix, arrows to the others.
	function rove() {
		matrix.querySelectorAll("td[tabindex]").forEach(td => td.removeAttribute("tabindex"));
		const row = rows.find(tr => !tr.hidden);
		const first = row && [...row.cells].slice(1).find(td => !td.hidden);
		const one = at || first;
		if (one)
			one.tabIndex = 0;
	}

	function leave() {
		if (!at)
			return;
		const [row, column] = place(at);
		rows[row].cells[0].classList.remove("at");
		columns[column].classList.remove("at");
		at = null;
		detail.hidden = true;
	}

	function show(td) {
		if (td === at)
			return;
		leave();
		if (td.dataset.t === undefined)
			return;
		at = td;
		const [row, column] = place(td);
		rows[row].cells[0].classList.add("at");
		columns[column].classList.add("at");
		const title = document.createElement("strong");
		title.textContent = rows[row].cells[0].textContent + " → " +
			columns[column].textContent;
		const list = document.getElementById("t" + td.dataset.t);
		detail.replaceChildren(title, ...(list ? [list.cloneNode(true)] : []));
		detail.lastChild.removeAttribute("id");
		detail.hidden = false;
	}

	function step(td, down, right) {
		let [row, column] = place(td);
		do {
			row += down;
			column += right;
		} while (rows[row] && columns[column] && (rows[row].hidden || columns[column].hidden));
		if (rows[row] && columns[column])
			go(cell(row, column));
	}

	function go(td) {
		show(td);
		matrix.querySelectorAll("td[tabindex]").forEach(one => one.removeAttribute("tabindex"));
		td.tabIndex = 0;
		td.focus();
		td.scrollIntoView({block: "nearest", inline: "nearest"});
	}

	const moves = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
	matrix.addEventListener("keydown", event => {
		if (event.target.tagName === "TD" && moves[event.key]) {
			event.preventDefault();
			step(event.target, ...moves[event.key]);
		}
	});
	matrix.addEventListener("focusin", event => {
		if (event.target.tagName === "TD")
			show(event.target);
	});
	matrix.addEventListener("mouseover", event => {
		const td = event.target.closest("td");
		if (td)
			show(td);
	});
	document.addEventListener("keydown", event => {
		if (event.key === "/" && event.target !== filter) {
			event.preventDefault();
			filter.focus();
		} else if (event.key === "Escape") {
			filter.value = "";
			leave();
			apply();
		}
	});
	filter.addEventListener("input", apply);

	const asked = location.hash.match(/^#filter=(.*)$/);
	if (asked) {
		try {
			filter.value = decodeURIComponent(asked[1]);
		} catch {
			filter.value = "";
		}
	}
	apply();
})();
