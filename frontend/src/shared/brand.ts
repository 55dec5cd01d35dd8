/** The operator's name for the site, from the server's page. */
export const brand = () => document.querySelector('header')?.textContent || 'Sana'
