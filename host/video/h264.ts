import { NearlightError } from '../base/errors.ts';
import { loadFfmpeg } from '../base/ffmpeg.ts';
import type { VideoEncoder, VideoEncoderOptions } from './encoder.ts';
import { openEncoder, type Preset } from './ffmpeg-encoder.ts';

/** Settings of x264. Without `qpmax`, it encoded a change of scene as plain grey, for as many pictures as the VBV holds. */
const X264: Preset = {
  name: 'libx264',
  options: {
    preset: 'ultrafast',
    tune: 'zerolatency',
    profile: 'baseline',
    'forced-idr': '1',
    'x264-params': 'qpmax=47:keyint=infinite:scenecut=0:repeat-headers=1:annexb=1',
  },
};

const NVENC: Preset = {
  name: 'h264_nvenc',
  options: {
    preset: 'p1',
    tune: 'ull',
    profile: 'baseline',
    rc: 'cbr',
    zerolatency: '1',
    delay: '0',
    'rc-lookahead': '0',
    'forced-idr': '1',
  },
};

let nvencMissing = false;

/**
 * Opens an H.264 encoder with constrained baseline profile: the GPU's (NVENC) if `hardware` is set and it opens, else x264.
 * The first call loads FFmpeg's libraries, which takes about 100 ms.
 * @throws NearlightError NL_ENCODER
 */
export async function createVideoEncoder(options: VideoEncoderOptions): Promise<VideoEncoder> {
  const av = await loadFfmpeg('video encoder');
  if (options.hardware && !nvencMissing) {
    try {
      return await openEncoder(av, NVENC, options);
    } catch (error) {
      nvencMissing = true;
      const why = error instanceof NearlightError ? error.detail : String(error);
      options.log('info', `no hardware video encoder (${why}); encoding on the CPU with x264`);
    }
  }
  return openEncoder(av, X264, options);
}
