// Package webtest drives the dashboard in a real Chromium, for tests. [Open] opens a window (or
// skips the test where there is no browser) and loads a page; the methods of [Page] do what a person
// does: look, point, type, delete. What the page knows of its picture comes from the stats() of
// its or-tile element, so that tests ask for facts and not for pixels.
//
// Only tests import it.
package webtest
