// Runs before the program and shows on the page why the program cannot run. Browsers of any age
// read this file, and so does the page of every release: its name and the elements that it uses
// must not change.
;(function () {
  'use strict'
  var root = document.getElementById('root')
  var main = root.querySelector('main')

  /**
   * Shows one of the page's texts, in the browser's language if the page has it, in place of the
   * program.
   */
  function say(what) {
    var texts = document.querySelectorAll('[data-when="' + what + '"]')
    var language = (navigator.language || '').slice(0, 2).toLowerCase()
    var chosen = texts[0]
    for (var i = 0; i < texts.length; i++) if (texts[i].lang === language) chosen = texts[i]
    if (!chosen || !root.id) return
    root.removeAttribute('id')
    main.appendChild(chosen)
  }

  /**
   * A file of the page is missing, as during a deployment: the page of another release may have its
   * files.
   */
  function reloadOnce() {
    var entry = performance.getEntriesByType('navigation')[0]
    if (navigator.onLine && entry && entry.type !== 'reload') location.reload()
    else say('missing')
  }

  // The newest browser APIs that the program needs.
  var signal = window.AbortSignal
  if (!(signal && signal.any && signal.timeout && window.URL && URL.canParse)) return say('old')

  addEventListener(
    'error',
    function (event) {
      if (event.target.nodeName === 'SCRIPT') reloadOnce()
      // An error of the program, not of an extension, before it has rendered anything.
      else if (!main.firstChild && String(event.filename).indexOf(location.origin + '/') === 0)
        say('broken')
    },
    true,
  )
})()
