// Entry of every page: the styles, the searches that suggest, the opening hours in words, the progress of a cut, forms.

import './page.css';
import {enhanceAddresses} from './addresses.js';
import {enhanceCategories} from './categories.js';
import {followCut} from './cut.js';
import {enhancePreview} from './foresight.js';
import {enhanceForm} from './forms.js';
import {enhanceNear} from './near.js';
import {enhanceOpeningHours} from './opening_hours.js';
import {enhanceCommune, enhanceSearch} from './search.js';

for (const form of document.querySelectorAll('form[data-search]')) enhanceSearch(form);
for (const element of document.querySelectorAll('[data-opening-hours]')) enhanceOpeningHours(element);
for (const section of document.querySelectorAll('[data-cut]')) followCut(section);
for (const form of document.querySelectorAll('form[data-api]')) enhanceForm(form);
for (const button of document.querySelectorAll('[data-near]')) enhanceNear(button);
for (const box of document.querySelectorAll('[data-communes]')) enhanceCommune(box);
for (const box of document.querySelectorAll('[data-addresses]')) enhanceAddresses(box);
for (const box of document.querySelectorAll('[data-categories]')) enhanceCategories(box);
for (const section of document.querySelectorAll('[data-preview]')) enhancePreview(section);
