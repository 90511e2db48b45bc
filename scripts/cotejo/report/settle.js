// Until report.js has put tables into pages, what is beyond a first page is laid out by nobody: long reports open sooner.
"use strict";
document.documentElement.classList.add("settling");
