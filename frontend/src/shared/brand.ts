/** The name that people know the site by, as the server has put it into the page. */
export const brand = () => document.querySelector('header')?.textContent || 'Sana'
