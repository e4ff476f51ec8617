"use strict";
// Draws the charts whose data stands in the page; all of them, as a page of the server has few.
const drawn = JSON.parse(document.getElementById("charts").textContent);
for (const place of document.querySelectorAll("[data-chart]")) Bokeh.embed.embed_item(drawn[place.dataset.chart], place.id);
