// Entry of every page: the styles, the search that suggests, the opening hours in words.

import './page.css';
import {enhanceOpeningHours} from './opening_hours.js';
import {enhanceSearch} from './search.js';

for (const form of document.querySelectorAll('form[data-search]')) enhanceSearch(form);
for (const element of document.querySelectorAll('[data-opening-hours]')) enhanceOpeningHours(element);
