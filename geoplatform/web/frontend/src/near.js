// "Around me": to the commune in which the device is. Asked for only when the button is pressed; our own server says which commune it is.

/** Shows the button where the device can tell, and has it lead to the commune. */
export function enhanceNear(button) {
  if (!('geolocation' in navigator)) return;
  const status = document.getElementById(button.getAttribute('aria-describedby'));
  const {placement, commune, textSearching, textNowhere, textOutside} = button.dataset;
  const found = async ({coords}) => {
    const answer = await fetch(`${placement}?${new URLSearchParams({lon: coords.longitude, lat: coords.latitude})}`);
    const code = answer.ok && (await answer.json()).commune_code;
    if (code) window.location.assign(`${commune}/${code}`);
    else status.textContent = textOutside;
  };
  button.hidden = false;
  button.addEventListener('click', () => {
    status.textContent = textSearching;
    const lost = () => { status.textContent = textNowhere; };
    navigator.geolocation.getCurrentPosition((position) => found(position).catch(lost), lost, {maximumAge: 60_000, timeout: 15_000});
  });
}
