/**
 * Gives what all users of a device share: `make` runs when it is asked for first. It lives as long as its device.
 */
export function perDevice<T>(make: (device: GPUDevice) => T): (device: GPUDevice) => T {
  const known = new WeakMap<GPUDevice, T>();
  return (device) => {
    let shared = known.get(device);
    if (shared === undefined) {
      shared = make(device);
      known.set(device, shared);
    }
    return shared;
  };
}
