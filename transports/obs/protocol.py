"""Names of obs-websocket 5 (protocol.md, RPC version 1): status codes, close codes, events. Pure."""

from __future__ import annotations

__all__ = ["CLOSED_OUT", "EVENTS", "INCONCLUSIVE", "LOW_VOLUME", "SUCCESS", "status_name"]

SUCCESS = 100
_STATUS = {
    0: "Unknown", 10: "NoError", 100: "Success", 203: "MissingRequestType", 204: "UnknownRequestType",
    205: "GenericError", 206: "UnsupportedRequestBatchExecutionType", 207: "NotReady",
    300: "MissingRequestField", 301: "MissingRequestData",
    400: "InvalidRequestField", 401: "InvalidRequestFieldType", 402: "RequestFieldOutOfRange",
    403: "RequestFieldEmpty", 404: "TooManyRequestFields",
    500: "OutputRunning", 501: "OutputNotRunning", 502: "OutputPaused", 503: "OutputNotPaused", 504: "OutputDisabled",
    505: "StudioModeActive", 506: "StudioModeNotActive",
    600: "ResourceNotFound", 601: "ResourceAlreadyExists", 602: "InvalidResourceType", 603: "NotEnoughResources",
    604: "InvalidResourceState", 605: "InvalidInputKind", 606: "ResourceNotConfigurable", 607: "InvalidFilterKind",
    700: "ResourceCreationFailed", 701: "ResourceActionFailed", 702: "RequestProcessingFailed", 703: "CannotAct",
}  # fmt: skip
"""RequestStatus."""
INCONCLUSIVE = frozenset({0, 10, 205, 701, 702})
"""Failures while the request was carried out: something may have happened all the same."""
CLOSED_OUT = {4009: "the password is wrong", 4010: "it speaks another version of the protocol"}
"""WebSocketCloseCode with which an opening ends in a no, not in a fault."""

LOW_VOLUME = (1 << 11) - 1
"""EventSubscription.All: every category but those that fire many times a second."""
EVENTS = frozenset({
    "ExitStarted", "VendorEvent", "CustomEvent",
    "CurrentSceneCollectionChanging", "CurrentSceneCollectionChanged", "SceneCollectionListChanged",
    "CurrentProfileChanging", "CurrentProfileChanged", "ProfileListChanged",
    "SceneCreated", "SceneRemoved", "SceneNameChanged", "CurrentProgramSceneChanged", "CurrentPreviewSceneChanged",
    "SceneListChanged",
    "InputCreated", "InputRemoved", "InputNameChanged", "InputSettingsChanged", "InputMuteStateChanged",
    "InputVolumeChanged", "InputAudioBalanceChanged", "InputAudioSyncOffsetChanged", "InputAudioTracksChanged",
    "InputAudioMonitorTypeChanged",
    "CurrentSceneTransitionChanged", "CurrentSceneTransitionDurationChanged", "SceneTransitionStarted",
    "SceneTransitionEnded", "SceneTransitionVideoEnded",
    "SourceFilterListReindexed", "SourceFilterCreated", "SourceFilterRemoved", "SourceFilterNameChanged",
    "SourceFilterSettingsChanged", "SourceFilterEnableStateChanged",
    "SceneItemCreated", "SceneItemRemoved", "SceneItemListReindexed", "SceneItemEnableStateChanged",
    "SceneItemLockStateChanged", "SceneItemSelected",
    "StreamStateChanged", "RecordStateChanged", "RecordFileChanged", "ReplayBufferStateChanged",
    "VirtualcamStateChanged", "ReplayBufferSaved",
    "MediaInputPlaybackStarted", "MediaInputPlaybackEnded", "MediaInputActionTriggered",
    "StudioModeStateChanged", "ScreenshotSaved",
})  # fmt: skip
"""The events of those categories."""


def status_name(code: int) -> str:
    """The code with its name, as the protocol has it: `600 ResourceNotFound`."""
    return f"{code} {_STATUS[code]}" if code in _STATUS else str(code)
