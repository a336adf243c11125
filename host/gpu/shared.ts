/** Makes a function that returns one value for each GPU device. The first call with a device creates it with `create`. */
export function perDevice<T>(create: (device: GPUDevice) => T): (device: GPUDevice) => T {
  const values = new WeakMap<GPUDevice, T>();
  return (device) => {
    let value = values.get(device);
    if (value === undefined) {
      value = create(device);
      values.set(device, value);
    }
    return value;
  };
}
