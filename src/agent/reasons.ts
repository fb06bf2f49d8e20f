/** Reasons of Events, as `kubectl describe` shows them: an interface, for people and alerts wait for them. */
const REASONS = {
  VolumeProvisioned: 'Normal',
  VolumeOffered: 'Normal',
  VolumeRestored: 'Normal',
  VolumeAdopted: 'Normal',
  VolumeReclaimed: 'Normal',
  VolumeWithdrawn: 'Normal',
  VolumeRetained: 'Normal',
  OwnerChanged: 'Normal',
  VolumeExpanded: 'Normal',
  VolumeAttached: 'Normal',
  VolumeDiscovered: 'Normal',
  VolumeCleaning: 'Normal',
  ClaimHandedBack: 'Warning',
  ProvisioningFailed: 'Warning',
  DirectoryNotEmpty: 'Warning',
  PathTaken: 'Warning',
  OwnerDrifted: 'Warning',
  ExpansionFailed: 'Warning',
  VolumeDataLost: 'Warning',
  VolumeDeleting: 'Warning',
  VolumeDataMissing: 'Warning',
  VolumeFaulty: 'Warning',
  VolumeNotOurs: 'Warning',
  ReclaimRefused: 'Warning',
  DiscoveryRefused: 'Warning',
  CleaningFailed: 'Warning',
} as const;

export type Reason = keyof typeof REASONS;

export const typeOf = (reason: Reason): 'Normal' | 'Warning' => REASONS[reason];
