// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.commands;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.eclipse.jface.action.IContributionItem;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.actions.CompoundContributionItem;
import org.eclipse.ui.menus.CommandContributionItem;
import org.eclipse.ui.menus.CommandContributionItemParameter;
import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.ui.internal.Images;
import org.snapback.ui.internal.Messages;
import org.snapback.ui.internal.SessionCommands;
import org.snapback.ui.internal.TargetSession;

/** What drops down from the Rewind button: the snapshots, newest first. */
public final class RewindMenu extends CompoundContributionItem {

    /** What fits on a screen; older ones are in the Snapshots view. */
    private static final int MOST = 30;

    @Override
    protected IContributionItem[] getContributionItems() {
        return TargetSession.get()
                .session()
                .map(RewindMenu::items)
                .orElseGet(List::of)
                .toArray(IContributionItem[]::new);
    }

    private static List<IContributionItem> items(Session session) {
        List<Snapshot> newestFirst = new ArrayList<>(session.snapshots());
        Collections.reverse(newestFirst);
        List<IContributionItem> items = new ArrayList<>();
        for (Snapshot snapshot : newestFirst.subList(0, Math.min(MOST, newestFirst.size()))) {
            items.add(item(snapshot, snapshot.id() == session.currentSnapshot()));
        }
        return items;
    }

    private static IContributionItem item(Snapshot snapshot, boolean current) {
        CommandContributionItemParameter item = new CommandContributionItemParameter(
                PlatformUI.getWorkbench(), null, SessionCommands.REWIND, CommandContributionItem.STYLE_PUSH);
        item.label = label(snapshot);
        item.icon = (current ? Images.HERE : Images.SNAPSHOT).descriptor();
        item.parameters = Map.of(SessionCommands.REWIND_SNAPSHOT, Long.toString(snapshot.id()));
        return new CommandContributionItem(item);
    }

    static String label(Snapshot snapshot) {
        String place = snapshot.place().label();
        String label = place.isEmpty()
                ? snapshot.label()
                : Messages.bind(Messages.menuSnapshotAtPlace, snapshot.label(), place);
        return label.replace("&", "&&");
    }
}
